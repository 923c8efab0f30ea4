//===- Builder.cpp - from the parse tree to the syntax tree -----*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/syntax/Builder.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>
#include <cstdlib>

namespace apical::syntax {
namespace {

using namespace ast;
using P = grammar::ApicalParser;
using Terminal = antlr4::tree::TerminalNode;
using Context = antlr4::ParserRuleContext;

class Builder {
public:
  Builder(const Tokens &tokens, const Sources &sources, Ast &ast, Diagnostics &diags)
      : tokens(tokens), sources(sources), ast(ast), diags(diags) {}

  Block statements(const std::vector<P::LineContext *> &lines) {
    Block block;
    for (P::LineContext *line : lines) {
      P::StatementContext *context = line->statement();
      if (!context || !context->start || context->children.empty())
        continue;
      Stmt *stmt = statement(context);
      if (!stmt)
        continue;
      auto doc = tokens.docs.find(static_cast<unsigned>(context->start->getTokenIndex()));
      if (doc != tokens.docs.end())
        stmt->doc = doc->second;
      block.push_back(stmt);
    }
    return block;
  }

private:
  //===--------------------------------------------------------------------===//
  // Places and words
  //===--------------------------------------------------------------------===//

  Span span(const antlr4::Token *token) const { return tokens.list[token->getTokenIndex()].span; }
  Span span(Context *context) const {
    Span from = span(context->start);
    if (!context->stop || context->stop->getTokenIndex() < context->start->getTokenIndex())
      return from;
    return from.to(span(context->stop));
  }
  std::string text(Span span) const { return sources.text(span).str(); }
  Name name(Terminal *terminal) const {
    if (!terminal)
      return {};
    Span at = span(terminal->getSymbol());
    return {text(at), at};
  }
  Name name(Context *context) const {
    if (!context)
      return {};
    Span at = span(context);
    return {text(at), at};
  }
  static bool broken(Context *context) { return !context || context->exception != nullptr; }

  template <typename T> T *make(Context *context) { return ast.make<T>(span(context)); }

  //===--------------------------------------------------------------------===//
  // Expressions
  //===--------------------------------------------------------------------===//

  Expr *expr(P::ExprContext *context) {
    if (!context)
      return nullptr;
    if (auto *c = dynamic_cast<P::NameContext *>(context)) {
      auto *e = make<NameExpr>(c);
      e->name = text(e->span);
      return e;
    }
    if (auto *c = dynamic_cast<P::NumberContext *>(context))
      return number(c);
    if (auto *c = dynamic_cast<P::BinaryContext *>(context))
      return binary(c);
    if (auto *c = dynamic_cast<P::MemberContext *>(context))
      return member(c);
    if (auto *c = dynamic_cast<P::CallContext *>(context)) {
      auto *e = make<CallExpr>(c);
      e->callee = expr(c->expr());
      for (P::ArgumentContext *a : c->arguments()->argument())
        e->args.push_back(argument(a));
      return e;
    }
    if (auto *c = dynamic_cast<P::IndexContext *>(context)) {
      auto *e = make<IndexExpr>(c);
      e->base = expr(c->expr());
      e->indices = list(c->indices()->expr());
      return e;
    }
    if (auto *c = dynamic_cast<P::ParensContext *>(context)) {
      Expr *e = expr(c->expr());
      e->parenthesised = true;
      return e;
    }
    if (auto *c = dynamic_cast<P::UnaryContext *>(context)) {
      auto *e = make<UnaryExpr>(c);
      e->op = c->NOT() ? UnaryOp::Not : UnaryOp::Minus;
      e->operand = expr(c->expr());
      return e;
    }
    if (auto *c = dynamic_cast<P::AtContext *>(context)) {
      auto *e = make<AtExpr>(c);
      e->base = expr(c->expr());
      e->phase = name(c->NAME());
      return e;
    }
    if (auto *c = dynamic_cast<P::ArrayContext *>(context)) {
      auto *e = make<ArrayExpr>(c);
      e->elements = list(c->expr());
      return e;
    }
    if (auto *c = dynamic_cast<P::BoolContext *>(context)) {
      auto *e = make<BoolExpr>(c);
      e->value = c->TRUE() != nullptr;
      return e;
    }
    auto *e = make<StringExpr>(context);
    llvm::StringRef written = sources.text(e->span).drop_front(1);
    written.consume_back("\"");
    e->value = written.str();
    return e;
  }

  std::vector<Expr *> list(const std::vector<P::ExprContext *> &contexts) {
    std::vector<Expr *> exprs;
    for (P::ExprContext *c : contexts)
      exprs.push_back(expr(c));
    return exprs;
  }

  Expr *number(P::NumberContext *context) {
    auto *e = make<NumberExpr>(context);
    llvm::StringRef written = sources.text(e->span);
    size_t i = 0;
    auto digits = [&] {
      while (i < written.size() && (llvm::isDigit(written[i]) || written[i] == '_'))
        ++i;
    };
    digits();
    if (i + 1 < written.size() && written[i] == '.' && llvm::isDigit(written[i + 1]))
      ++i, digits();
    size_t j = i;
    if (j < written.size() && (written[j] == 'e' || written[j] == 'E')) {
      ++j;
      if (j < written.size() && (written[j] == '+' || written[j] == '-'))
        ++j;
      if (j < written.size() && llvm::isDigit(written[j]))
        i = j, digits();
    }
    std::string plain;
    for (char c : written.take_front(i))
      if (c != '_')
        plain += c;
    e->value = std::strtod(plain.c_str(), nullptr);
    e->unit = written.drop_front(i).trim().str();
    bool zero = llvm::StringRef(plain).split('e').first.split('E').first.find_first_of(
                    "123456789") == llvm::StringRef::npos;
    if (std::isinf(e->value) || (e->value == 0 && !zero))
      diags
          .error(Code::BadNumber, e->span,
                 "the number `" + plain + "` is " + (e->value == 0 ? "nearer to 0" : "larger") +
                     " than any that can be represented")
          .hint("numbers go from 4.9e-324 to 1.7e308");
    return e;
  }

  Expr *member(P::MemberContext *context) {
    auto *e = make<MemberExpr>(context);
    e->base = expr(context->expr());
    e->member = context->NAME() ? name(context->NAME()) : name(context->EVERYTHING());
    if (context->EVERYTHING() && !endpoints)
      diags.error(Code::Syntax, e->member.span, "`.*` stands only at an end of a `connect`")
          .hint("to multiply, put spaces around the `*`; to reach a variable, write its name");
    return e;
  }

  Expr *binary(P::BinaryContext *context) {
    auto *e = make<BinaryExpr>(context);
    const antlr4::Token *op = dynamic_cast<Terminal *>(context->children[1])->getSymbol();
    switch (op->getType()) {
    case P::POWER:
      e->op = BinaryOp::Pow;
      break;
    case P::STAR:
      e->op = BinaryOp::Mul;
      break;
    case P::SLASH:
      e->op = BinaryOp::Div;
      break;
    case P::PLUS:
      e->op = BinaryOp::Add;
      break;
    case P::MINUS:
      e->op = BinaryOp::Sub;
      break;
    case P::RANGE:
      e->op = BinaryOp::Range;
      break;
    case P::EQ:
      e->op = BinaryOp::Eq;
      break;
    case P::NE:
      e->op = BinaryOp::Ne;
      break;
    case P::LT:
      e->op = BinaryOp::Lt;
      break;
    case P::LE:
      e->op = BinaryOp::Le;
      break;
    case P::GT:
      e->op = BinaryOp::Gt;
      break;
    case P::GE:
      e->op = BinaryOp::Ge;
      break;
    case P::AND:
      e->op = BinaryOp::And;
      break;
    default:
      e->op = BinaryOp::Or;
      break;
    }
    e->lhs = expr(context->expr(0));
    e->rhs = expr(context->expr(1));
    auto compares = [](BinaryOp op) { return op >= BinaryOp::Eq && op <= BinaryOp::Ge; };
    auto *left = llvm::dyn_cast<BinaryExpr>(e->lhs);
    if (left && !left->parenthesised) {
      if (compares(e->op) && compares(left->op)) {
        std::string middle = text(left->rhs->span);
        diags.error(Code::Syntax, span(op), "comparisons do not chain")
            .label(left->span, "this is already a comparison")
            .hint("write `" + text(left->span) + " and " + middle + " " + text(span(op)) + " " +
                  text(e->rhs->span) + "`, or put parentheses around one of them");
      } else if (e->op == BinaryOp::Range && left->op == BinaryOp::Range) {
        diags.error(Code::Syntax, span(op), "ranges do not chain")
            .label(left->span, "this is already a range");
      }
    }
    return e;
  }

  Argument argument(P::ArgumentContext *context) {
    Argument result;
    P::ExprContext *last = context->expr(0);
    if (P::ExprContext *value = context->expr(1)) {
      auto *key = dynamic_cast<P::NameContext *>(last);
      if (!key)
        diags.error(Code::Syntax, span(last), "the name of an argument is one word")
            .hint("compare with `==`");
      result.name = name(last);
      result.drawn = context->TILDE() != nullptr;
      last = value;
    }
    result.value = expr(last);
    return result;
  }

  Expr *type(P::TypeContext *context) {
    if (!context)
      return nullptr;
    if (context->expr())
      return expr(context->expr());
    auto *e = make<NameExpr>(context);
    e->name = text(e->span);
    return e;
  }

  //===--------------------------------------------------------------------===//
  // Statements
  //===--------------------------------------------------------------------===//

  Block block(P::BlockContext *context) { return context ? statements(context->line()) : Block(); }

  Stmt *statement(P::StatementContext *s) {
    auto *only = dynamic_cast<Context *>(s->children[0]);
    if (!only || !only->start)
      return nullptr;
    // A definition is worth keeping even if its head or body has an error.
    if (auto *c = s->definition())
      return definition(c);
    if (s->exception || only->exception)
      return nullptr;
    switch (only->getRuleIndex()) {
    case P::RuleUseDecl:
      return named<UseDecl>(s->useDecl());
    case P::RuleConstDecl:
      return valued<ConstDecl>(s->constDecl());
    case P::RuleParamDecl: {
      auto *stmt = valued<ParamDecl>(s->paramDecl());
      stmt->type = type(s->paramDecl()->type());
      return stmt;
    }
    case P::RuleDataDecl: {
      auto *stmt = valued<DataDecl>(s->dataDecl());
      stmt->columns = block(s->dataDecl()->block());
      return stmt;
    }
    case P::RuleAreaDecl:
      return area(s->areaDecl());
    case P::RuleConnectDecl:
      return connect(s->connectDecl());
    case P::RulePartDecl:
      return valued<PartDecl>(s->partDecl());
    case P::RuleCostDecl:
      return valued<CostDecl>(s->costDecl());
    case P::RuleLearnDecl:
      return learn(s->learnDecl());
    case P::RuleVarDecl:
      return variable(s->varDecl());
    case P::RuleDerivativeStmt:
      return derivative(s->derivativeStmt());
    case P::RuleIfStmt:
      return conditional(s->ifStmt());
    case P::RuleForStmt:
      return loop(s->forStmt());
    case P::RuleEventDecl:
      return event(s->eventDecl());
    case P::RuleOnStmt:
      return on(s->onStmt());
    case P::RuleHoldStmt: {
      auto *stmt = make<HoldStmt>(only);
      stmt->target = expr(s->holdStmt()->expr(0));
      stmt->duration = expr(s->holdStmt()->expr(1));
      return stmt;
    }
    case P::RuleApplyStmt: {
      auto *stmt = make<ApplyStmt>(only);
      stmt->rule = expr(s->applyStmt()->expr(0));
      stmt->target = expr(s->applyStmt()->expr(1));
      return stmt;
    }
    case P::RuleReturnStmt: {
      auto *stmt = make<ReturnStmt>(only);
      stmt->value = expr(s->returnStmt()->expr());
      return stmt;
    }
    case P::RuleKeepStmt: {
      auto *stmt = make<KeepStmt>(only);
      stmt->target = expr(s->keepStmt()->expr(0));
      stmt->value = expr(s->keepStmt()->expr(1));
      return stmt;
    }
    case P::RulePhaseDecl:
      return phase(s->phaseDecl());
    case P::RuleRunStmt:
      return run(s->runStmt());
    case P::RuleTemplateStmt:
      return each(s->templateStmt());
    case P::RuleExperimentDecl:
      return experiment(s->experimentDecl());
    case P::RuleMeasureStmt:
      return valued<MeasureStmt>(s->measureStmt());
    case P::RuleProbeStmt:
      return probe(s->probeStmt());
    case P::RuleExprStmt:
      return assignment(s->exprStmt());
    default:
      return nullptr;
    }
  }

  template <typename T, typename C> T *named(C *context) {
    T *stmt = make<T>(context);
    stmt->name = name(context->NAME());
    return stmt;
  }
  template <typename T, typename C> T *valued(C *context) {
    T *stmt = named<T>(context);
    stmt->value = expr(context->expr());
    return stmt;
  }

  template <typename T> Definition *defined(P::DefinitionContext *context, const Name &name) {
    T *stmt = make<T>(context);
    stmt->name = name;
    return stmt;
  }

  Stmt *definition(P::DefinitionContext *context) {
    P::DefinitionHeadContext *head = context->definitionHead();
    if (!head || !head->start)
      return nullptr;
    Name own = head->NAME().empty() ? Name() : name(head->NAME(0));
    if (!own)
      return nullptr;
    Definition *stmt;
    switch (head->start->getType()) {
    case P::FN:
      stmt = defined<FnDecl>(context, own);
      break;
    case P::UNIT:
      stmt = defined<UnitDecl>(context, own);
      break;
    case P::SYNAPSE:
      stmt = defined<SynapseDecl>(context, own);
      break;
    case P::OPTIMIZER:
      stmt = defined<OptimizerDecl>(context, own);
      break;
    case P::NETWORK:
      stmt = defined<NetworkDecl>(context, own);
      break;
    default: {
      stmt = defined<RuleDecl>(context, own);
      for (size_t i = 1; i < head->NAME().size(); ++i)
        llvm::cast<RuleDecl>(stmt)->localities.push_back(name(head->NAME(i)));
    }
    }
    if (P::ParametersContext *params = head->parameters())
      for (P::ParameterContext *p : params->parameter())
        if (!broken(p) && p->NAME())
          stmt->params.push_back({name(p->NAME()), type(p->type()), expr(p->expr())});
    stmt->body = block(context->block());
    return stmt;
  }

  Stmt *area(P::AreaDeclContext *context) {
    auto *stmt = named<AreaDecl>(context);
    stmt->unit = expr(context->expr());
    stmt->body = block(context->block());
    bool first = true;
    for (P::IndicesContext *sizes : context->indices()) {
      std::vector<Expr *> exprs = list(sizes->expr());
      auto *range = exprs.size() == 1 ? llvm::dyn_cast<BinaryExpr>(exprs[0]) : nullptr;
      if (first && range && range->op == BinaryOp::Range && !range->parenthesised)
        stmt->family = range;
      else if (!stmt->shape.empty())
        diags.error(Code::Syntax, span(sizes), "an area has one shape")
            .hint("sizes stand in one bracket: `[28, 28]`; a family stands first: `h[1..7][240]`");
      else
        stmt->shape = std::move(exprs);
      first = false;
    }
    return stmt;
  }

  Stmt *connect(P::ConnectDeclContext *context) {
    auto *stmt = make<ConnectDecl>(context);
    endpoints = true;
    stmt->from = expr(context->expr(0));
    stmt->to = expr(context->expr(1));
    endpoints = false;
    stmt->topology = expr(context->expr(2));
    stmt->synapse = expr(context->expr(3));
    stmt->name = name(context->NAME());
    stmt->body = block(context->block());
    return stmt;
  }

  Stmt *learn(P::LearnDeclContext *context) {
    auto *stmt = make<LearnDecl>(context);
    if (auto *c = context->subject())
      stmt->subject = expr(c->expr());
    if (auto *c = context->inClause())
      stmt->in = list(c->expr());
    if (auto *c = context->throughClause())
      stmt->through = list(c->expr());
    stmt->rule = expr(context->expr());
    if (auto *c = context->withClause())
      for (P::OptimizerUseContext *use : c->optimizerUse()) {
        LearnDecl::Use result;
        P::ExprContext *last = use->expr(0);
        if (use->expr(1)) {
          const Expr *target = expr(last);
          const Expr *base = target;
          while (auto *m = llvm::dyn_cast<MemberExpr>(base))
            base = m->base;
          if (!llvm::isa<NameExpr>(base))
            diags.error(Code::Syntax, span(last),
                        "what an optimizer is for is named before `:`: `h_out`, `real.h_out`");
          result.target = {toString(*target), target->span};
          last = use->expr(1);
        }
        result.optimizer = expr(last);
        stmt->with.push_back(std::move(result));
      }
    if (auto *c = context->everyClause())
      stmt->every = expr(c->expr());
    if (auto *c = context->whileClause())
      stmt->condition = expr(c->expr());
    stmt->name = name(context->NAME());
    return stmt;
  }

  Stmt *variable(P::VarDeclContext *context) {
    auto *stmt = make<VarDecl>(context);
    P::VarWordContext *kind = nullptr, *seen[128] = {};
    for (P::VarWordContext *word : context->varWord()) {
      size_t type = word->start->getType();
      if (seen[type])
        diags.error(Code::Syntax, span(word), "`" + text(span(word)) + "` is said twice")
            .label(span(seen[type]), "first here");
      seen[type] = word;
      switch (type) {
      case P::OUTPUT:
        stmt->isOutput = true;
        continue;
      case P::COMMON:
        stmt->isCommon = true;
        continue;
      case P::SHARED:
        stmt->isShared = true;
        continue;
      case P::LASTING:
        stmt->isLasting = true;
        continue;
      case P::ITEM:
        stmt->isItem = true;
        continue;
      default:
        break;
      }
      if (kind && kind->start->getType() != type)
        diags
            .error(Code::Syntax, span(word),
                   "a variable is either `" + text(span(kind)) + "` or `" + text(span(word)) + "`")
            .label(span(kind), "the other kind");
      kind = word;
      stmt->varKind = type == P::INPUT    ? VarKind::Input
                      : type == P::GIVEN  ? VarKind::Given
                      : type == P::STATE  ? VarKind::State
                      : type == P::WEIGHT ? VarKind::Weight
                                          : VarKind::Let;
    }
    if (!kind) {
      stmt->varKind = stmt->isOutput ? VarKind::Output : VarKind::Item;
      if (!stmt->isOutput && !stmt->isItem) {
        std::string words = text(span(context->varWord(0)).to(span(context->varWord().back())));
        diags
            .error(Code::Syntax, span(context->varWord(0)),
                   "`" + words + "` does not say what kind of variable this is")
            .hint("write `" + words + " state` or `" + words + " weight`");
        stmt->varKind = VarKind::State;
      }
    }
    for (P::DeclaratorContext *d : context->declarator()) {
      VarDecl::Declarator var;
      var.name = name(d->NAME());
      if (d->indices())
        var.components = list(d->indices()->expr());
      var.type = type(d->type());
      if (d->expr()) {
        var.initKind =
            d->TILDE() ? VarDecl::Declarator::Init::Draw : VarDecl::Declarator::Init::Value;
        var.init = expr(d->expr());
      }
      stmt->vars.push_back(std::move(var));
    }
    return stmt;
  }

  Stmt *derivative(P::DerivativeStmtContext *context) {
    auto *stmt = make<DerivativeStmt>(context);
    Span whole = span(context->DERIVATIVE()->getSymbol());
    Span own{whole.file, whole.begin + 1, whole.end - 3}; // d…/dt
    stmt->var = {text(own), own};
    stmt->value = expr(context->expr());
    return stmt;
  }

  Stmt *conditional(P::IfStmtContext *context) {
    if (broken(context->ifCondition()) || broken(context))
      return nullptr;
    auto *stmt = make<IfStmt>(context);
    stmt->condition = expr(context->ifCondition()->expr());
    stmt->thenBody = block(context->block(0));
    if (context->ifStmt()) {
      if (Stmt *other = conditional(context->ifStmt()))
        stmt->elseBody.push_back(other);
    } else if (context->block(1)) {
      stmt->elseBody = block(context->block(1));
    }
    return stmt;
  }

  Stmt *loop(P::ForStmtContext *context) {
    P::ForHeadContext *head = context->forHead();
    if (broken(head))
      return nullptr;
    auto *stmt = make<ForStmt>(context);
    stmt->var = name(head->NAME());
    stmt->range = expr(head->expr());
    stmt->body = block(context->block());
    return stmt;
  }

  Stmt *event(P::EventDeclContext *context) {
    auto *stmt = named<EventDecl>(context);
    stmt->condition = expr(context->expr(0));
    stmt->slope = expr(context->expr(1));
    stmt->hasBody = context->block() != nullptr;
    stmt->body = block(context->block());
    return stmt;
  }

  Stmt *on(P::OnStmtContext *context) {
    P::OnHeadContext *head = context->onHead();
    if (broken(head))
      return nullptr;
    auto *stmt = make<OnStmt>(context);
    (head->EVERY() ? stmt->every : stmt->event) = expr(head->expr());
    stmt->body = block(context->block());
    return stmt;
  }

  Stmt *phase(P::PhaseDeclContext *context) {
    P::PhaseHeadContext *head = context->phaseHead();
    if (broken(head))
      return nullptr;
    auto *stmt = make<PhaseDecl>(context);
    stmt->name = name(head->NAME());
    size_t next = 0;
    if (head->LBRACKET())
      stmt->index = expr(head->expr(next++));
    if (head->FROM())
      stmt->from = expr(head->expr(next));
    stmt->body = block(context->block());
    return stmt;
  }

  Stmt *run(P::RunStmtContext *context) {
    auto *stmt = make<RunStmt>(context);
    size_t next = 0;
    if (context->expr().size() > (context->UNTIL() ? 1u : 0u))
      stmt->duration = expr(context->expr(next++));
    if (context->UNTIL())
      stmt->until = expr(context->expr(next));
    for (P::RunWithContext *with : context->runWith()) {
      if (with->block()) {
        stmt->with.push_back(block(with->block()));
      } else if (Stmt *t = with->templateStmt() ? each(with->templateStmt()) : nullptr) {
        stmt->with.push_back({t});
      }
    }
    return stmt;
  }

  Stmt *each(P::TemplateStmtContext *context) {
    P::TemplateHeadContext *head = context->templateHead();
    if (broken(head) || broken(context))
      return nullptr;
    auto *stmt = make<TemplateStmt>(context);
    Name kind = name(head->word(0));
    auto known = llvm::StringSwitch<int>(kind.text)
                     .Case("connection", static_cast<int>(TemplateKind::Connection))
                     .Case("weight", static_cast<int>(TemplateKind::Weight))
                     .Case("area", static_cast<int>(TemplateKind::Area))
                     .Case("hidden", static_cast<int>(TemplateKind::Hidden))
                     .Case("output", static_cast<int>(TemplateKind::Output))
                     .Case("input", static_cast<int>(TemplateKind::Input))
                     .Default(-1);
    if (known < 0) {
      std::string near =
          nearest(kind.text, {"connection", "weight", "area", "hidden", "output", "input"});
      diags.error(Code::Syntax, kind.span, "`each` goes over no `" + kind.text + "`")
          .hint(near.empty()
                    ? "one of `connection`, `weight p`, `area a`, `hidden h`, `output o`, `input i`"
                    : "did you mean `" + near + "`?");
      return nullptr;
    }
    stmt->templateKind = static_cast<TemplateKind>(known);
    stmt->binder = name(head->NAME());
    if (stmt->templateKind == TemplateKind::Connection && stmt->binder)
      diags.error(Code::Syntax, stmt->binder.span, "`each connection` binds no name")
          .hint("within it the two ends are `pre` and `post`, the weight is `w`");
    else if (stmt->templateKind != TemplateKind::Connection && !stmt->binder)
      diags
          .error(Code::Syntax, kind.span,
                 "`each " + kind.text + "` needs a name for the one at hand")
          .hint("write `each " + kind.text + " " + kind.text.substr(0, 1) + " { … }`");
    if (head->word().size() > 1) {
      stmt->filter = head->TO()     ? TemplateStmt::Filter::To
                     : head->FROM() ? TemplateStmt::Filter::From
                                    : TemplateStmt::Filter::Between;
      stmt->set = name(head->word(1));
    }
    stmt->body = block(context->block());
    return stmt;
  }

  Stmt *experiment(P::ExperimentDeclContext *context) {
    P::ExperimentHeadContext *head = context->experimentHead();
    if (broken(head))
      return nullptr;
    auto *stmt = make<ExperimentDecl>(context);
    stmt->experimentKind = head->TRAIN()  ? ExperimentKind::Train
                           : head->TEST() ? ExperimentKind::Test
                                          : ExperimentKind::Simulate;
    size_t nextExpr = 0, nextName = 0;
    stmt->network = expr(head->expr(nextExpr++));
    if (head->ON())
      stmt->source = expr(head->expr(nextExpr++));
    if (head->AS())
      stmt->alias = name(head->NAME(nextName++));
    for (; nextName < head->NAME().size(); ++nextName, ++nextExpr)
      stmt->options.push_back({name(head->NAME(nextName)), false, expr(head->expr(nextExpr))});
    stmt->body = block(context->block());
    return stmt;
  }

  Stmt *probe(P::ProbeStmtContext *context) {
    auto *stmt = make<ProbeStmt>(context);
    stmt->values = list(context->expr());
    if (context->ASSIGN()) {
      auto *key = llvm::dyn_cast<NameExpr>(stmt->values[0]);
      if (!key)
        diags.error(Code::Syntax, stmt->values[0]->span, "the name of a probe is one word")
            .hint("write `probe name = value`, or `probe value`");
      stmt->name = name(context->expr(0));
      stmt->values.erase(stmt->values.begin());
    }
    return stmt;
  }

  Stmt *assignment(P::ExprStmtContext *context) {
    if (context->expr().size() < 2) {
      auto *stmt = make<ExprStmt>(context);
      stmt->value = expr(context->expr(0));
      return stmt;
    }
    auto *stmt = make<AssignStmt>(context);
    stmt->op = context->ASSIGN()         ? AssignOp::Set
               : context->PLUS_ASSIGN()  ? AssignOp::Add
               : context->MINUS_ASSIGN() ? AssignOp::Sub
                                         : AssignOp::Draw;
    stmt->target = expr(context->expr(0));
    stmt->value = expr(context->expr(1));
    return stmt;
  }

  const Tokens &tokens;
  const Sources &sources;
  Ast &ast;
  Diagnostics &diags;
  bool endpoints = false; ///< within an end of a `connect`
};

} // namespace

Block buildTree(P::FileContext *tree, const Tokens &tokens, const Sources &sources, Ast &ast,
                Diagnostics &diags) {
  return Builder(tokens, sources, ast, diags).statements(tree->line());
}

} // namespace apical::syntax
