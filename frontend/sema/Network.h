//===- Network.h - a network's graph ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_NETWORK_H
#define APICAL_FRONTEND_SEMA_NETWORK_H

#include "frontend/sema/Evaluator.h"
#include "ir/ApicalDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include <set>

namespace apical::sema {

/// What a unit keeps from tick to tick.
struct State {
  std::string name, symbol; ///< the symbol is empty unless the state outlives the step
  const ast::VarDecl *decl = nullptr;
  const ast::VarDecl::Declarator *declarator = nullptr;
  enum class Life { Reset, Shared, Lasting, Item } life = Life::Reset;
  bool perSample() const { return life == Life::Reset || life == Life::Item; }
};

/// A network inside a network; the first part is the network itself. The graph is flat: what a part
/// declares has the name of the part before its own.
struct Part {
  std::string name; ///< "", "real", "left.judge"
  const ast::NetworkDecl *decl = nullptr;
  Span at;
  std::map<std::string, Field> args;
  int tiedTo = -1; ///< the part whose weights its connections have
  int parent = -1; ///< the part that it stands in
  std::string own(llvm::StringRef inner) const {
    return name.empty() ? inner.str() : name + "." + inner.str();
  }
};

struct Area {
  const ast::AreaDecl *decl = nullptr;
  const ast::UnitDecl *unit = nullptr;
  std::string name;
  int64_t size = 1;
  llvm::SmallVector<int64_t, 3> shape; ///< as declared; empty for one unit
  std::string mainInput, mainOutput;
  std::set<std::string> common;              ///< one number for the area
  std::map<std::string, int64_t> components; ///< of the variables that declare some
  std::vector<std::string> inputs; ///< also what is given, where a connection from outside feeds it
  std::vector<std::string> given;  ///< by the experiment, or from outside the part
  std::vector<std::string> variables;          ///< in the order in which they are computed
  std::map<std::string, Dimension> dimensions; ///< of the inputs
  std::vector<State> states;
  std::vector<ast::Argument> args;
  int part = 0; ///< in which it is declared
  bool has(llvm::StringRef variable) const {
    return llvm::is_contained(inputs, variable) || llvm::is_contained(variables, variable);
  }
  const State *state(llvm::StringRef variable) const;
  int64_t componentsOf(const std::string &variable) const {
    auto it = components.find(variable);
    return it == components.end() ? 0 : it->second;
  }
  /// Synapses reach each component of each unit.
  int64_t endpoints(const std::string &variable) const {
    return (common.count(variable) ? 1 : size) * std::max<int64_t>(1, componentsOf(variable));
  }
  /// Every variable and input: for messages.
  std::vector<std::string> all() const {
    std::vector<std::string> names = variables;
    names.insert(names.end(), inputs.begin(), inputs.end());
    return names;
  }
  /// How a value of the variable varies, besides over samples.
  llvm::SmallVector<std::pair<Axis, int64_t>, 2> extent(const std::string &variable,
                                                        bool perSample) const {
    llvm::SmallVector<std::pair<Axis, int64_t>, 2> all;
    if (perSample)
      all.push_back({Axis::Sample, mlir::ShapedType::kDynamic});
    if (int64_t n = componentsOf(variable))
      all.push_back({Axis::Component, n});
    if (!common.count(variable))
      all.push_back({Axis::Unit, size});
    return all;
  }
  /// Variables that a tick knows before any input: states, and what is written
  /// above the first use of an input.
  std::set<std::string> early;
  size_t above = 0; ///< so many statements stand above the first use of an input
};

enum class Topology { Dense, OneToOne, Wire, Conv, Local, Pool };

/// One array of weights of a connection; a bias is a synapse from a constant 1.
struct Weight {
  std::string name, symbol; ///< "w", "classifier.image_hidden.w"
  bool bias = false;
  Dimension dimension;
};

struct Connection {
  const ast::ConnectDecl *decl = nullptr;
  const ast::SynapseDecl *synapse = nullptr;
  std::string name, fromVariable, toPort;
  int from = 0, to = 0; ///< indices of areas
  Topology topology = Topology::Dense;
  bool bias = false;
  int part = 0;         ///< in which it is declared
  int transposeOf = -1; ///< the connection whose synapses conduct backwards here
  int tiedTo = -1;      ///< the connection whose weights these other synapses have
  int64_t fromSize = 0, toSize = 0;
  ir::Window window; ///< of a convolution, local connection or pool: what each unit behind it sees
  int64_t channels = 1; ///< units behind each of its places
  std::string pooled;   ///< how a pool reduces what it sees
  /// The state that says which synapses there are (Mask.h), and how many, as `count` says; else empty: all.
  std::string mask;
  double synapseCount = 0;
  /// Each synapse is there with some probability; the list that says which there are is not at hand.
  enum class Count { Exact, Mean, Most } count = Count::Exact;
  std::map<std::string, Field> synapseArgs;
  std::vector<Weight> weights;
  std::vector<const ast::KeepStmt *> keeps; ///< projections after every change
  /// Values pass by an equation of the topology, and nothing can change.
  bool weightless() const { return topology == Topology::Wire || topology == Topology::Pool; }
  /// Each synapse is one of a kernel's, at one of its places.
  bool windowed() const { return topology == Topology::Conv || topology == Topology::Local; }
  bool oneToOne() const { return topology == Topology::OneToOne; }
  /// Synapses onto one post unit, and from one pre unit: in the mean, and of a window that no border is near, at
  /// stride 1.
  double fanIn() const;
  double fanOut() const;
  /// The axes of what is one for each synapse, or for each weight; of biases, which are synapses from a
  /// constant: for each post unit, or for each bias.
  Extent synapses(bool bias) const;
  Extent weightElements(bool bias) const;
};

struct Learn {
  const ast::LearnDecl *decl = nullptr;
  std::string name;
  int part = 0;
};

struct Cost {
  const ast::CostDecl *decl = nullptr;
  std::string name;
  int part = 0;
};

/// `let x = e` and `given x` of a network: one number per sample.
struct Scalar {
  std::string name;
  const ast::VarDecl *decl = nullptr;
  const ast::VarDecl::Declarator *declarator = nullptr;
  int part = 0;
  int64_t components = 0;
};

struct Network {
  const ast::NetworkDecl *decl = nullptr;
  std::string name;
  std::vector<Part> parts; ///< at least the network itself
  std::vector<Area> areas;
  std::vector<Connection> connections;
  std::vector<Cost> costs;
  std::vector<Scalar> scalars;
  std::vector<Learn> learns;
  std::vector<int> order; ///< areas, every source of a value before its readers
  bool sound = true;      ///< nothing was wrong with it
  int area(llvm::StringRef name) const;
  /// The area that `label`, `h[3]` or `real.seen` names in a part; -1 if there is none.
  int area(const ast::Expr &e, Evaluator &evaluator, int part = 0,
           const std::map<std::string, Field> &visible = {}) const;
  const Scalar *scalar(llvm::StringRef name) const;
  const Cost *cost(llvm::StringRef name) const;
  int connection(llvm::StringRef name) const;
  int part(llvm::StringRef name) const;
  /// Does the first part stand in the second, at any depth, or is it the same?
  bool inside(int part, int outer) const;
  /// The name that something of a part has there.
  std::string local(llvm::StringRef name, int part) const;
  /// The connection that declares the weights of this one.
  int bearer(int connection) const {
    int original = connections[connection].tiedTo;
    return original < 0 ? connection : original;
  }
};

/// Lines of the metrics and the probes have keys of their own: nothing else (`what`: a cost, …) is reported under them.
void requireFreeKey(const ast::Name &name, llvm::StringRef what, Evaluator &evaluator);

/// `real.seen`, `h[3]`: the names of an expression joined by dots; empty for other forms.
std::string pathOf(const ast::Expr &e, Evaluator &evaluator,
                   const std::map<std::string, Field> &visible = {});

/// The initial value of a state is computed in the initialising step.
struct StateInit {
  std::string symbol, role;
  Span at;          ///< where the initial value is given
  std::string mask; ///< the state that says where there are elements; elsewhere this one stays 0
  llvm::SmallVector<std::pair<Axis, int64_t>, 3> extent;
  std::function<Field()> value;
  /// Of a weight: inferred from what it connects; of a weight of a rule: any.
  Dimension dimension;
  std::optional<Field> made; ///< what `value` returned, in the initialising step

  mlir::RankedTensorType type(mlir::Builder &b) const {
    llvm::SmallVector<int64_t> shape;
    for (auto [axis, size] : extent)
      shape.push_back(size);
    return mlir::RankedTensorType::get(shape, b.getF32Type());
  }
};

/// What all steps of a model share: its states and their first values.
struct States {
  std::set<const ast::CostDecl *> unserved;                        ///< that were warned of
  std::set<std::pair<const ast::LearnDecl *, std::string>> silent; ///< errors that were warned of
  std::vector<StateInit> list;
  std::map<std::string, size_t> bySymbol;
  bool declare(StateInit init) {
    if (!bySymbol.emplace(init.symbol, list.size()).second)
      return false;
    list.push_back(std::move(init));
    return true;
  }
  /// Takes the declaration back.
  void withdraw(const std::string &symbol) {
    size_t at = bySymbol.at(symbol);
    bySymbol.erase(symbol);
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
    for (auto &[other, index] : bySymbol)
      if (index > at)
        --index;
  }
  /// The first value of a state, in the initialising step: made once, also when another state
  /// starts as its copy.
  Field first(const std::string &symbol, Evaluator &evaluator);
  /// A state with an element for each of another's, which starts at 0.
  StateInit beside(const std::string &other, std::string symbol, std::string role) const {
    const StateInit &of = list[bySymbol.at(other)];
    StateInit init;
    init.symbol = std::move(symbol);
    init.role = std::move(role);
    init.mask = of.mask;
    init.extent = of.extent;
    init.value = [] { return Field::number(0); };
    return init;
  }
};

/// The columns of these names of the table that an expression stands for, one number per row; none if nothing is run
/// and they are not there.
using ReadTable = std::function<std::optional<std::vector<std::vector<double>>>(
    const ast::Expr &table, llvm::ArrayRef<std::string> columns)>;

/// Checks the declarations of a network, given from outside what its parameters are, and orders its areas. `read` is
/// for the lists of synapses.
Network buildNetwork(const ast::NetworkDecl &decl, llvm::ArrayRef<ast::Argument> args, Span at,
                     Evaluator &evaluator, States &states, const ReadTable &read);

} // namespace apical::sema
#endif
