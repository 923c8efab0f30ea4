//===- ErrorStrategy.cpp - recovery from and words for errors ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/syntax/ErrorStrategy.h"
#include "ApicalParser.h"

namespace apical::syntax {
namespace {

using P = grammar::ApicalParser;
constexpr unsigned errorLimit = 50;

bool isHead(size_t rule) {
  switch (rule) {
  case P::RuleDefinitionHead:
  case P::RuleForHead:
  case P::RuleOnHead:
  case P::RulePhaseHead:
  case P::RuleTemplateHead:
  case P::RuleExperimentHead:
  case P::RuleIfCondition:
    return true;
  default:
    return false;
  }
}

/// The statement around, with its end.
const antlr4::ParserRuleContext *lineOf(const antlr4::RuleContext *context) {
  while (context && context->getRuleIndex() != P::RuleLine)
    context = static_cast<const antlr4::RuleContext *>(context->parent);
  return static_cast<const antlr4::ParserRuleContext *>(context);
}

/// The word that begins a statement and was perhaps meant: `Network`, or `def` as elsewhere.
std::string statementWord(const std::string &word) {
  static const std::vector<std::string> words = {
      "use",       "const",   "param",   "fn",       "unit",    "synapse", "rule",
      "optimizer", "network", "data",    "area",     "connect", "part",    "cost",
      "learn",     "input",   "given",   "output",   "state",   "weight",  "let",
      "common",    "shared",  "lasting", "item",     "event",   "on",      "hold",
      "keep",      "apply",   "if",      "for",      "return",  "each",    "phase",
      "run",       "train",   "test",    "simulate", "measure", "probe"};
  static const std::pair<const char *, const char *> elsewhere[] = {{"import", "use"},
                                                                    {"include", "use"},
                                                                    {"def", "fn"},
                                                                    {"func", "fn"},
                                                                    {"function", "fn"},
                                                                    {"layer", "area"},
                                                                    {"population", "area"},
                                                                    {"var", "let"},
                                                                    {"class", "network"},
                                                                    {"model", "network"},
                                                                    {"projection", "connect"},
                                                                    {"loss", "cost"},
                                                                    {"objective", "cost"},
                                                                    {"dataset", "data"},
                                                                    {"neuron", "unit"},
                                                                    {"eval", "test"},
                                                                    {"evaluate", "test"},
                                                                    {"record", "probe"},
                                                                    {"foreach", "each"}};
  for (auto [theirs, ours] : elsewhere)
    if (llvm::StringRef(word).equals_insensitive(theirs))
      return ours;
  return nearest(word, words);
}

bool startsLine(size_t type) {
  switch (type) {
  case P::WHEN:
  case P::SLOPE:
  case P::ELSE:
    return false;
  case P::NAME:
  case P::NUMBER:
  case P::STRING:
  case P::TRUE:
  case P::FALSE:
  case P::NOT:
  case P::MINUS:
  case P::LPAREN:
  case P::LBRACKET:
  case P::DERIVATIVE:
    return true;
  default:
    return type >= P::USE && type <= P::PROBE;
  }
}

/// What stands before the `{` of a block, in words.
llvm::StringRef bodyOf(size_t rule, size_t first) {
  switch (rule) {
  case P::RuleDefinition:
  case P::RuleDefinitionHead:
    switch (first) {
    case P::FN:
      return "the body of the function";
    case P::UNIT:
      return "the body of the unit";
    case P::SYNAPSE:
      return "the body of the synapse";
    case P::RULE:
      return "the body of the rule";
    case P::OPTIMIZER:
      return "the body of the optimizer";
    default:
      return "the body of the network";
    }
  case P::RuleIfStmt:
    return "the block of `if`";
  case P::RuleForStmt:
    return "the block of `for`";
  case P::RuleOnStmt:
    return "the block of `on`";
  case P::RulePhaseDecl:
    return "the block of the phase";
  case P::RuleTemplateStmt:
    return "the block of `each`";
  case P::RuleRunWith:
    return "a block or `each` after `with`";
  default:
    return "a block";
  }
}

} // namespace

std::string ErrorStrategy::text(size_t index) const {
  return sources.text(tokens.list[index].span).str();
}

bool ErrorStrategy::endsValue(size_t index) const {
  switch (tokens.list[index].type) {
  case P::NAME:
  case P::NUMBER:
  case P::STRING:
  case P::RPAREN:
  case P::RBRACKET:
  case P::TRUE:
  case P::FALSE:
  case P::EVERYTHING:
    return true;
  default:
    return false;
  }
}

bool ErrorStrategy::startsValue(size_t index) const {
  switch (tokens.list[index].type) {
  case P::NAME:
  case P::NUMBER:
  case P::STRING:
  case P::TRUE:
  case P::FALSE:
  case P::NOT:
  case P::LPAREN:
  case P::LBRACKET:
    return true;
  default:
    return false;
  }
}

std::string ErrorStrategy::found(size_t index) const {
  const Token &t = tokens.list[index];
  if (t.type == antlr4::Token::EOF)
    return "the end of the file";
  std::string written = text(index);
  if (t.type == P::END && (written.empty() || written[0] == '\n'))
    return index + 1 < tokens.list.size() && tokens.list[index + 1].type == antlr4::Token::EOF
               ? "the end of the file"
               : "the end of the line";
  if (isKeyword(t.type))
    return "the keyword `" + written + "`";
  if (t.type == P::STRING)
    return "the string " + (written.size() < 40 ? written : "");
  return "`" + written + "`";
}

Span ErrorStrategy::place(size_t index) const {
  const Token &t = tokens.list[index];
  // The end of a line or file is shown just behind the last word.
  if ((t.type == P::END || t.type == antlr4::Token::EOF) && index > 0 &&
      t.span.end == t.span.begin) {
    Span before = tokens.list[index - 1].span;
    return {before.file, before.end, before.end};
  }
  return t.span;
}

Diagnostic &ErrorStrategy::expected(size_t at, const llvm::Twine &what) {
  return diags->error(Code::Syntax, place(at), "expected " + what + ", found " + found(at));
}

/// Whether the statement from `start`, wrong at `at`, has an error reported
/// already: what follows from it is no news.
bool ErrorStrategy::tainted(size_t start, size_t at) const {
  int level = tokens.list[start].opener;
  for (size_t i = start; i < tokens.list.size(); ++i) {
    const Token &t = tokens.list[i];
    if (t.afterError || (t.invented && t.type != P::RBRACE))
      return true;
    if (i >= at && t.opener == level && (t.type == P::END || t.type == P::LBRACE))
      break;
  }
  return false;
}

void ErrorStrategy::report(antlr4::Parser *parser, size_t at) {
  const auto *context = static_cast<const antlr4::ParserRuleContext *>(parser->getRuleContext());
  size_t rule = context->getRuleIndex();
  antlr4::misc::IntervalSet wanted = parser->getExpectedTokens();
  auto wants = [&](size_t type) { return wanted.contains(type); };
  if (rule == P::RuleBlock && wants(P::LBRACE) && !wants(P::RBRACE)) { // before the block
    context = static_cast<const antlr4::ParserRuleContext *>(context->parent);
    rule = context->getRuleIndex();
  }
  bool between = rule == P::RuleFile || rule == P::RuleBlock; // of two statements
  const antlr4::ParserRuleContext *line = between ? nullptr : lineOf(context);
  size_t start = line && line->start ? line->start->getTokenIndex() : at;
  if (tainted(start, at))
    return;
  if (++count > errorLimit || !diags) // nobody reads more, or the exact prediction decides
    throw antlr4::ParseCancellationException("too many errors");

  const Token &t = tokens.list[at];
  size_t first = tokens.list[start].type;
  size_t before = at > start ? tokens.list[at - 1].type : 0;
  bool atEnd = t.type == P::END || t.type == antlr4::Token::EOF;
  auto after = [&]() -> std::string {
    return at > start && before != P::END ? " after `" + text(at - 1) + "`" : "";
  };
  auto reserved = [&](Diagnostic &d) {
    if (isKeyword(t.type))
      d.hint("`" + text(at) +
             "` is a word of the language; choose another name, or write it "
             "after a dot");
  };

  if (t.type == P::DERIVATIVE) {
    std::string word = text(at);
    diags
        ->error(Code::Syntax, t.span,
                "`" + word + "` stands only at the left of `=`, at the start of a statement")
        .hint("to divide by the tick, put spaces around the slash: `" +
              word.substr(0, word.size() - 3) + " / dt`");
    return;
  }

  // A statement that does not even begin.
  if (between) {
    auto &d = expected(at, "a statement");
    if (t.type == P::ELSE)
      d.hint("`else` follows the `}` of an `if`");
    else if (t.type == P::SLASH && at + 1 < tokens.list.size() &&
             tokens.list[at + 1].type == P::STAR)
      d.hint("a comment starts with `//`, on each of its lines");
    else if (t.type == P::PLUS || t.type == P::STAR || t.type == P::SLASH)
      d.hint("to go on from the line above, put the operator at its end");
    else if (t.type == P::LBRACE)
      d.hint("a block follows the head of its statement, on the same line");
    return;
  }

  // The name of something is missing.
  if (wants(P::NAME) && !wants(P::NUMBER)) {
    if ((rule == P::RuleTemplateHead || rule == P::RuleWord) && before == P::EACH) {
      expected(at, "what the block is for after `each`")
          .hint("one of `connection`, `weight p`, `area a`, `hidden h`, `output o`, `input i`");
      return;
    }
    auto &d = expected(at, "a name" + after());
    if (rule == P::RuleParameters || rule == P::RuleParameter)
      d.label(tokens.list[static_cast<size_t>(std::max(t.opener, 0))].span,
              "the parameters open here");
    reserved(d);
    return;
  }

  // A value is missing.
  if (wants(P::NAME)) {
    if (wants(P::LBRACE) && rule == P::RuleRunWith) {
      expected(at, bodyOf(rule, first));
      return;
    }
    if (at > start && isKeyword(t.type)) {
      Span last = tokens.list[at - 1].span;
      llvm::StringRef gap = sources.text({last.file, last.end, t.span.begin});
      if (gap.contains('\n')) { // an operator carried the statement into the next line
        diags
            ->error(Code::Syntax, {last.file, last.end, last.end},
                    "expected an expression" + after() + ", found the end of the line")
            .label(t.span, "the next line is another statement");
        return;
      }
    }
    auto &d = expected(at, "an expression" + after());
    if (before == P::STAR && t.type == P::STAR)
      d.hint("a power is written `^`");
    else if (before == P::SLASH && t.type == P::STAR)
      d.hint("a comment starts with `//`");
    else if ((before == P::STAR || before == P::SLASH) && t.type == P::ASSIGN)
      d.hint("there is no `" + text(at - 1) + "=`: write `x = x " + text(at - 1) + " …`");
    else if (before == P::EQ && t.type == P::ASSIGN)
      d.hint("equality is `==`");
    else if (t.type == P::DOT && at + 1 < tokens.list.size() &&
             tokens.list[at + 1].type == P::NUMBER)
      d.hint("a number begins with a digit: `0." + text(at + 1) + "`");
    else if (t.type == P::IF)
      d.hint("a choice between values is `where(condition, a, b)`");
    else if ((t.type == P::ASSIGN || t.type == P::GT || t.type == P::LT) && before != 0 &&
             (before == P::LT || before == P::GT || before == P::ASSIGN))
      d.hint("comparisons are `<`, `<=`, `>`, `>=`, `==`, `!=`");
    else if ((t.type == P::RPAREN || t.type == P::RBRACKET) && before == P::COMMA)
      d.hint("remove the `,` before it");
    else if ((t.type == P::PLUS || t.type == P::ASSIGN) &&
             (before == P::PLUS || before == P::MINUS))
      d.hint("there is no increment; write `x += 1`");
    else
      reserved(d);
    return;
  }

  // A bracket is to be closed.
  bool round = wants(P::RPAREN), square = wants(P::RBRACKET);
  if ((round || square) && t.opener >= 0) {
    llvm::StringRef meaning = bracketMeaning(tokens, t.opener);
    Span opened = tokens.list[static_cast<size_t>(t.opener)].span;
    std::string closing = round ? "`)`" : "`]`";
    if (startsValue(at) && at > 0 && endsValue(at - 1)) {
      auto &d = diags->error(Code::Syntax, t.span,
                             "expected an operator, `,` or " + closing + " between `" +
                                 text(at - 1) + "` and `" + text(at) + "`");
      d.label(opened, "within the " + meaning + " that " +
                          (meaning == "index" || meaning == "array" ? "opens" : "open") + " here");
      return;
    }
    auto &d = meaning == "parentheses" ? expected(at, closing + " to close the parentheses")
                                       : expected(at, "`,` or " + closing + " in the " + meaning);
    d.label(opened, "opened here");
    if (t.type == P::COLON && meaning == "arguments")
      d.hint("arguments are named with `=`: `" + text(at - 1) + " = …`");
    else if (t.type == P::ASSIGN && meaning == "parentheses")
      d.hint("`=` does not stand in expressions; compare with `==`");
    else if (t.type == P::END && text(at) == ";")
      d.hint("within brackets `,` separates");
    return;
  }

  // A block is to be opened.
  if (wants(P::LBRACE) && !wants(P::END)) {
    llvm::StringRef body = bodyOf(rule, first);
    if (t.type == P::ASSIGN && (rule == P::RuleIfStmt || first == P::IF)) {
      diags->error(Code::Syntax, t.span, "`=` does not stand in a condition")
          .hint("compare with `==`");
      return;
    }
    if (rule == P::RuleDefinition && t.type == P::ASSIGN) {
      expected(at, "`{` to open " + body)
          .hint(first == P::FN ? "write `fn name(x) { return … }`" : "write a block in braces");
      return;
    }
    auto &d = rule == P::RuleRunWith ? expected(at, body) : expected(at, "`{` to open " + body);
    if (rule == P::RuleDefinition && atEnd)
      d.hint("the `{` stands on the line of the name");
    else if (rule == P::RuleDefinition && t.type == P::COLON)
      d.hint("only a `rule` has a locality after `:`");
    return;
  }

  // The statement should have ended.
  if (wants(P::END)) {
    if (startsValue(at) && at > 0 && endsValue(at - 1)) {
      auto &d = diags->error(Code::Syntax, t.span,
                             "expected an operator or the end of the statement between `" +
                                 text(at - 1) + "` and " + found(at));
      std::string meant = t.type == P::NAME && at == start + 1 ? statementWord(text(start)) : "";
      if (!meant.empty())
        d.hint("no statement begins with `" + text(start) + "`; did you mean `" + meant + "`?");
      else if (t.type == P::NAME && at == start + 1)
        d.hint("no statement begins with `" + text(start) +
               "`; to put two statements on one "
               "line, separate them by `;`");
      else
        d.hint("to put two statements on one line, separate them by `;`");
      return;
    }
    auto &d = expected(at, "the end of the statement");
    if (t.type == P::COLON)
      d.hint("a value is given with `=`; `:` says what a thing is");
    else if (t.type == P::ASSIGN && first == P::CONNECT)
      d.hint("what a connection is stands after `:`");
    else if (t.type == P::ASSIGN && (first == P::TRAIN || first == P::TEST || first == P::SIMULATE))
      d.hint("options stand after commas: `train n on d, batch = 64, epochs = 5`");
    else if (t.type == P::ASSIGN)
      d.hint("one statement assigns once; compare with `==`");
    else if (t.type == P::LBRACE)
      d.hint("this statement has no block");
    else if (t.type == P::IF)
      d.hint("a choice between values is `where(condition, a, b)`");
    else if (isKeyword(t.type))
      d.hint("a new statement stands on its own line or after `;`");
    return;
  }

  if (wants(P::COLON) && first == P::AREA) {
    expected(at, "`:` and the unit of the area").hint("write `area name[size] : unit`");
    return;
  }
  if (wants(P::COLON) && first == P::CONNECT) {
    expected(at, "`:` and the topology of the connection").hint("write `connect a -> b : dense`");
    return;
  }
  if (wants(P::ARROW)) {
    expected(at, "`->` and the target of the connection").hint("write `connect a -> b : dense`");
    return;
  }
  if (wants(P::BY)) {
    expected(at, "`by` and a rule")
        .hint("write `learn subject in weights by rule() with optimizer()`");
    return;
  }
  // What is left wants one of a few marks or words.
  std::string choice;
  std::vector<std::string> words;
  for (ssize_t type : wanted.toList())
    if (type > 0 && !spelling(static_cast<size_t>(type)).empty())
      words.push_back("`" + spelling(static_cast<size_t>(type)) + "`");
  for (size_t i = 0; i < words.size(); ++i)
    choice += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  if (words.empty())
    choice = "something else";
  auto &d = expected(at, choice + after());
  if (t.type == P::COLON && wants(P::ASSIGN))
    d.hint("a value is given with `=`");
  else if (t.type == P::ASSIGN && wants(P::COLON))
    d.hint("what a thing is stands after `:`");
}

void ErrorStrategy::reportError(antlr4::Parser *parser, const antlr4::RecognitionException &e) {
  if (inErrorRecoveryMode(parser))
    return;
  beginErrorCondition(parser);
  report(parser, e.getOffendingToken()->getTokenIndex());
}

antlr4::Token *ErrorStrategy::recoverInline(antlr4::Parser *parser) {
  throw antlr4::InputMismatchException(parser);
}

void ErrorStrategy::recover(antlr4::Parser *parser, std::exception_ptr e) {
  const auto *context = parser->getRuleContext();
  size_t rule = context->getRuleIndex();
  if (rule != P::RuleLine && !isHead(rule))
    std::rethrow_exception(e);
  const antlr4::ParserRuleContext *line = lineOf(context);
  skip(parser, line && line->start ? line->start->getTokenIndex() : 0, isHead(rule));
}

void ErrorStrategy::sync(antlr4::Parser *parser) {
  size_t rule = parser->getRuleContext()->getRuleIndex();
  if (rule != P::RuleFile && rule != P::RuleBlock)
    return;
  while (true) {
    size_t at = parser->getCurrentToken()->getTokenIndex();
    size_t type = tokens.list[at].type;
    if (startsLine(type) || type == P::RBRACE || type == antlr4::Token::EOF)
      return;
    report(parser, at);
    skip(parser, at, false);
  }
}

/// To behind the END of the statement that begins at `start`, or to the `{` of its block.
void ErrorStrategy::skip(antlr4::Parser *parser, size_t start, bool toBlock) {
  int level = tokens.list[start].opener;
  while (true) {
    const Token &t = tokens.list[parser->getCurrentToken()->getTokenIndex()];
    if (t.type == antlr4::Token::EOF || (t.opener == level && t.type == P::RBRACE && level >= 0))
      break;
    bool ends = t.opener == level && t.type == P::END;
    if (toBlock && (ends || (t.opener == level && t.type == P::LBRACE)))
      return; // the error is over when the block begins
    parser->consume();
    if (ends)
      break;
  }
  endErrorCondition(parser);
}

} // namespace apical::syntax
