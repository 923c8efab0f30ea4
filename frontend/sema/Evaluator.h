//===- Evaluator.h - elementwise code to lifts ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef APICAL_FRONTEND_SEMA_EVALUATOR_H
#define APICAL_FRONTEND_SEMA_EVALUATOR_H

#include "frontend/Ast.h"
#include "frontend/sema/Field.h"
#include "frontend/sema/Forms.h"
#include "frontend/sema/Statements.h"
#include <map>
#include <set>

namespace apical::sema {

/// Thrown after a diagnostic was reported; caught at the next declaration, so
/// that independent errors are found in one run. Never leaves the front end.
struct Reported {};

/// The names that a piece of code sees.
struct Frame {
  std::map<std::string, Field> locals;
  /// What the place gives a meaning to: `pre`, `label.rate`, `error(post)`.
  std::function<std::optional<Field>(const ast::Expr &)> resolve;
  /// The value of an expression at a phase, `e@p`, or at members of a family, `e@p[index]`; null where there are no
  /// phases. The last argument is the index, or null.
  std::function<Field(const ast::AtExpr &, Frame &, const ast::IndexExpr *)> at;
  /// Calls that the place gives a meaning to: `h.rate(e)`, `d(y, x)`. `Frame` is where they stand.
  std::function<std::optional<Field>(const ast::CallExpr &, Frame &)> call;
  /// Names for suggestions, beyond the locals.
  std::vector<std::string> known;
  bool listed = false; ///< name them all if none is near
  /// What the code is instantiated for, if it stands elsewhere: an area, for the body of its unit.
  std::optional<Span> subject;
  /// Code of a rule: a reduction reads other units or synapses.
  bool others = false;
  /// What a reduction without `over` runs over.
  llvm::SmallVector<Axis, 2> reductions = {Axis::Unit};
  bool windowed = false; ///< code of synapses that a window shows a unit in front of several times
  /// 1 where there is a synapse, in code of synapses some of which there are not; else empty.
  std::function<Field()> mask;
  /// Where `normal(…)` and `uniform(…)` draw; no draws if the stream is empty.
  std::string stream;
  bool drawEachTrial = false;
  bool drawForEach = false; ///< a draw has the axes of its parameters besides `drawExtent`
  int draws = 0;            ///< several draws of one expression are told apart by position
  llvm::SmallVector<std::pair<Axis, int64_t>, 3> drawExtent;
};

/// Definitions by name: functions, constants, parameters.
struct Globals {
  std::map<std::string, const ast::Stmt *> named;
  template <typename T> const T *find(llvm::StringRef name) const {
    auto it = named.find(name.str());
    return it == named.end() ? nullptr : llvm::dyn_cast<T>(it->second);
  }
  std::vector<std::string> names() const;
  template <typename T> std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (auto &[name, statement] : named)
      if (llvm::isa<T>(statement))
        all.push_back(name);
    return all;
  }
  /// Definitions with errors, which are reported once and not at each use.
  std::set<const ast::Stmt *> broken;
};

/// Turns expressions into fields at the insertion point of `fields.builder`.
class Evaluator {
public:
  Evaluator(mlir::OpBuilder &builder, const Globals &globals, const Sources &sources,
            Diagnostics &diags)
      : fields(builder), globals(globals), sources(sources), diags(diags) {}

  Field evaluate(const ast::Expr &e, Frame &frame);
  /// A whole number known now and at least `least`.
  int64_t evaluateSize(const ast::Expr &e, Frame &frame, int64_t least, llvm::StringRef what);
  /// A number of ticks from `least` on. A step holds each of its ticks, so that there is an end to them.
  int64_t evaluateTicks(const ast::Expr &e, Frame &frame, int64_t least, llvm::StringRef what);
  double evaluateConstant(const ast::Expr &e, Frame &frame, llvm::StringRef what,
                          Dimension *dimension = nullptr);
  /// Runs `let`s and assignments to locals; false if the statement is of another kind.
  bool execute(const ast::Stmt &s, Frame &frame);

  /// The dimension that `voltage` or `voltage / time` names after a colon.
  Dimension typeDimension(const ast::Expr &e);

  Field binary(ast::BinaryOp op, const Field &a, const Field &b, Span at);
  Field unary(llvm::StringRef function, const Field &x, Span at);
  Field barrier(const Field &x, Span at);
  Field select(const Field &condition, const Field &yes, const Field &no, Span at);
  /// The mean magnitude in each sample: infinite or NaN if one element is.
  Field meanSize(const Field &x, Span at);
  /// Sum over `over` of the field; `mean` divides by the number of elements.
  Field reduce(llvm::StringRef function, const Field &x, llvm::ArrayRef<Axis> over, Span at);
  /// The same over those synapses that there are: `mask` is 1 for them. Of none it is 0.
  Field reduceWhere(const Field &mask, llvm::StringRef function, const Field &x,
                    llvm::ArrayRef<Axis> over, Span at);
  /// The value where `mask` is 1, and 0 elsewhere.
  Field masked(const Field &mask, const Field &x, Span at);
  /// The operand of a function that is singular at 0, and 1 where there is no synapse: there neither the function nor
  /// its derivative may be infinite, since 0 times that is no number.
  Field besideNone(const std::shared_ptr<const Field> &mask, const Field &x, Span at);
  /// One component of a value, by its number.
  Field component(const Field &x, const Field &index, Span at);
  /// `[a, b]`: the components of all, one behind the other; a value without is one.
  Field concatenate(llvm::ArrayRef<Field> parts, Span at);
  /// The value with the components that `name[n]` declares: a value without has the same in each.
  Field withComponents(const Field &x, int64_t n, llvm::StringRef name, Span at);
  /// The n of `x[n]`; 0 without components.
  int64_t componentsOf(const ast::VarDecl::Declarator &d, Frame &frame);
  /// What an assignment gives to a variable without samples: contributions are averaged, and `=` of a value per sample
  /// is an error.
  Field withoutSamples(const Field &value, ast::AssignOp op, llvm::StringRef name, Span at);
  /// Mean over the valid samples, as every contribution to a variable without samples is taken.
  Field averageOverSamples(const Field &x, Span at);
  Field clock(llvm::StringRef which, Span at);
  /// `uniform` on (0, 1), `normal` with mean 0 and deviation 1, or `orthogonal`, of the frame's stream and extent.
  Field draw(llvm::StringRef distribution, Frame &frame, Span at);
  /// What `w` of a dense connection starts as unless it is given (semantics, 3.3).
  Field defaultWeight(Frame &frame, Span at);

  mlir::Location location(Span at);
  void requireDimension(const Field &f, const Dimension &d, Span at, llvm::StringRef what);
  void requireSameDimension(const Field &a, const Field &b, Span at, const llvm::Twine &what);
  [[noreturn]] void fail(Code code, Span at, const llvm::Twine &message,
                         const llvm::Twine &hint = {});
  [[noreturn]] void unsupported(Span at, const llvm::Twine &what);
  /// A statement to which `body` gives no meaning.
  [[noreturn]] void refuse(const ast::Stmt &statement, Body body);
  [[noreturn]] void unknown(Span at, llvm::StringRef name, const Frame &frame);
  /// A name that should be one of `candidates`, which `what` calls by their kind.
  [[noreturn]] void unknown(Span at, llvm::StringRef what, llvm::StringRef name,
                            const std::vector<std::string> &candidates);
  /// An area where one of its variables is meant.
  [[noreturn]] void areaAsValue(Span at, llvm::StringRef name, llvm::StringRef variable) {
    fail(Code::WrongKind, at, "`" + name + "` is an area, and a variable of it is meant here",
         "write `" + name + "." + variable + "`");
  }
  /// A variable that an area lacks.
  [[noreturn]] void unknownMember(Span at, llvm::StringRef kind, llvm::StringRef area,
                                  llvm::StringRef name, const std::vector<std::string> &has);
  /// The definition that `NAME` or `NAME(args)` refers to; `wrong` says what is
  /// expected if it is of another kind.
  template <typename T>
  const T &definition(const ast::Expr *e, Span at, const llvm::Twine &wrong,
                      llvm::ArrayRef<ast::Argument> &args) {
    const ast::NameExpr *name = calleeOf(e, args);
    if (name)
      if (auto *found = globals.find<T>(name->name)) {
        requireSound(*found);
        return *found;
      }
    if (!name || globals.named.count(name->name))
      fail(Code::WrongKind, e ? e->span : at, wrong);
    Frame ofThisKind;
    ofThisKind.known = globals.names<T>();
    ofThisKind.listed = true;
    unknown(name->span, name->name, ofThisKind);
  }

  /// Throws `Reported` if the definition has errors of its own.
  void requireSound(const ast::Stmt &definition) const {
    if (globals.broken.count(&definition))
      throw Reported();
  }

  FieldBuilder fields;
  const Globals &globals;
  const Sources &sources;
  Diagnostics &diags;
  /// A definition that is being expanded: a function, an optimizer.
  struct Call {
    const ast::Definition *definition;
    Span at;
    std::vector<std::pair<Span, Field>> args; ///< as written at the call
  };
  /// While it lives, what fails in the library is the fault of this use of a definition.
  class Expansion {
  public:
    Expansion(Evaluator &ev, const ast::Definition &definition, Span at,
              std::vector<std::pair<Span, Field>> args)
        : calls(ev.calls) {
      calls.push_back({&definition, at, std::move(args)});
    }
    ~Expansion() { calls.pop_back(); }
    Expansion(const Expansion &) = delete;

  private:
    std::vector<Call> &calls;
  };
  /// Of what was drawn in the step at hand.
  struct Density {
    std::string law;
    llvm::SmallVector<Axis, 3> axes;
    std::vector<Field> parameters;
  };
  llvm::DenseMap<mlir::Value, Density> densities;
  /// A factor that is known to be 0 takes its term away, as in an optimizer
  /// whose options are off. Elsewhere 0 * x is evaluated as written.
  bool dropZeroFactors = false;

private:
  Field call(const ast::CallExpr &e, Frame &frame);
  Field callFunction(const ast::FnDecl &fn, const ast::CallExpr &e, Frame &frame);
  void requireRivals(llvm::StringRef name, const Field &x, llvm::ArrayRef<Axis> over, Span at,
                     const Frame &frame);
  /// The axes of the synapses between two areas; an error elsewhere.
  void requireMatrix(const Frame &frame, Span at, llvm::StringRef what);
  /// A distribution, or the density of what was drawn; nothing if `name` is neither.
  std::optional<Field> callDistribution(llvm::StringRef name, const ast::CallExpr &e, Frame &frame);
  Field logProbability(const Field &x, Span at);
  /// The number of arguments, which have no names but `over`.
  void requireArguments(llvm::StringRef name, const ast::CallExpr &e, size_t low, size_t high);
  Field poisson(const Field &mean, Frame &frame, Span at);
  Field categorical(const Field &p, Frame &frame, Span at);
  Field callPrimitive(llvm::StringRef name, const ast::CallExpr &e, Frame &frame, bool &found);
  void requireFit(const Field &a, const Field &b, Span at, llvm::StringRef what);
  /// Where two values come from, for the labels of a message about them.
  void label(Diagnostic &d, const Field &a, const Field &b,
             llvm::function_ref<std::string(const Field &)> text) const;
  /// An error at this place, or at the model's call if the place is in the library.
  Diagnostic &report(Code code, Span at, const llvm::Twine &message);
  /// The axes that a reduction or `index` runs over, as its argument `over` or the place says.
  llvm::SmallVector<Axis, 2> axesOf(llvm::StringRef name, const ast::CallExpr &e, const Field &x,
                                    const Frame &frame);
  int depth = 0;
  std::vector<Call> calls;
  std::optional<std::pair<Span, Span>> sides; ///< of the operation at hand
  std::set<const ast::ConstDecl *> constants;
};

/// Is `name` a primitive of the language reference, of this version or of a later one?
bool isReserved(llvm::StringRef name);
/// Does `~` take it?
bool isDistribution(llvm::StringRef name);
/// Is it a word of the language at all, which no definition may lack?
bool isPrimitive(llvm::StringRef name);
/// A function or value of the language, which no definition of a model replaces.
bool isValueOfLanguage(llvm::StringRef name);
/// What a word of other systems and of the textbooks is called here, or "".
llvm::StringRef translation(llvm::StringRef name);
/// The functions that this version knows: for suggestions.
const std::vector<std::string> &primitives();

/// Does a call of this primitive look at several elements of the area or connection?
bool isReduction(llvm::StringRef name, size_t arguments);

/// Binds the arguments of a call to the parameters of a definition.
/// Defaults are evaluated in a frame of their own; `evaluate` sees the caller's.
std::map<std::string, Field> bindArguments(Evaluator &evaluator, const ast::Definition &definition,
                                           llvm::ArrayRef<ast::Argument> args, Span at,
                                           Frame &caller);

} // namespace apical::sema
#endif
