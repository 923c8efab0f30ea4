//===- Declare.h - areas and connections of a network ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_DECLARE_H
#define APICAL_FRONTEND_SEMA_DECLARE_H

#include "frontend/sema/Network.h"

namespace apical::sema {

/// Where in a network something is declared, and what can be seen there.
struct Within {
  Network &net;
  int part;
  const std::map<std::string, Field> &visible; ///< arguments of the part and loop variables
  Evaluator &ev;
  States &states;
  const ReadTable &read;
  bool tied() const { return net.parts[part].tiedTo >= 0; }
};

/// Adds the area that a declaration, or one member of its family, says.
void declareArea(const ast::AreaDecl &decl, const std::string &name, const Within &within);
/// Finds what a tick knows of an area before any input.
void findEarly(Area &area);

/// Adds the connection that a statement says. In a tied part its weights are those of the first part.
void declareConnection(const ast::ConnectDecl &decl, const Within &within);

} // namespace apical::sema
#endif
