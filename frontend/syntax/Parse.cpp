//===- Parse.cpp - from text to a tree --------------------------*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "ApicalParser.h"
#include "frontend/Ast.h"
#include "frontend/syntax/Builder.h"
#include "frontend/syntax/ErrorStrategy.h"
#include "frontend/syntax/TokenFilter.h"

namespace apical {
namespace {

using syntax::ErrorStrategy;
using syntax::Tokens;
using P = grammar::ApicalParser;

/// Hands the filtered tokens to the parser.
class Feed final : public antlr4::TokenSource {
public:
  explicit Feed(const Tokens &tokens) : tokens(tokens) {}

  std::unique_ptr<antlr4::Token> nextToken() override {
    const syntax::Token &t = tokens.list[std::min(next, tokens.list.size() - 1)];
    ++next;
    auto token = std::make_unique<antlr4::CommonToken>(t.type);
    token->setStartIndex(t.span.begin);
    token->setStopIndex(t.span.end - 1);
    return token;
  }
  size_t getLine() const override { return 0; }
  size_t getCharPositionInLine() override { return 0; }
  antlr4::CharStream *getInputStream() override { return nullptr; }
  std::string getSourceName() override { return "source"; }
  antlr4::TokenFactory<antlr4::CommonToken> *getTokenFactory() override {
    return antlr4::CommonTokenFactory::DEFAULT.get();
  }

private:
  const Tokens &tokens;
  size_t next = 0;
};

/// The quick prediction decides every correct program; where it fails, the exact
/// one has the last word.
P::FileContext *parseTokens(P &parser, antlr4::CommonTokenStream &stream, const Tokens &tokens,
                            const Sources &sources, Diagnostics &diags) {
  using Mode = antlr4::atn::PredictionMode;
  parser.removeErrorListeners();
  auto quick = std::make_shared<ErrorStrategy>(tokens, sources, nullptr);
  parser.setErrorHandler(quick);
  parser.getInterpreter<antlr4::atn::ParserATNSimulator>()->setPredictionMode(Mode::SLL);
  try {
    P::FileContext *tree = parser.file();
    if (quick->count == 0)
      return tree;
  } catch (const antlr4::ParseCancellationException &) {
  }
  stream.seek(0);
  parser.reset();
  parser.setErrorHandler(std::make_shared<ErrorStrategy>(tokens, sources, &diags));
  parser.getInterpreter<antlr4::atn::ParserATNSimulator>()->setPredictionMode(Mode::LL);
  try {
    return parser.file();
  } catch (const antlr4::ParseCancellationException &) {
    return nullptr; // what was reported is enough
  }
}

} // namespace

ast::File parse(uint32_t file, const Sources &sources, ast::Ast &ast, Diagnostics &diags) {
  ast::File result;
  result.id = file;
  try {
    Tokens tokens = syntax::filterTokens(file, sources, diags);
    Feed feed(tokens);
    antlr4::CommonTokenStream stream(&feed);
    P parser(&stream);
    P::FileContext *tree = parseTokens(parser, stream, tokens, sources, diags);
    if (tree)
      result.body = syntax::buildTree(tree, tokens, sources, ast, diags);
  } catch (const std::exception &e) {
    uint32_t size = static_cast<uint32_t>(sources.text(file).size());
    diags.error(Code::Internal, {file, 0, std::min(size, 1u)},
                llvm::Twine("the parser failed: ") + e.what());
  }
  return result;
}

void dumpTokens(uint32_t file, const Sources &sources, Diagnostics &diags, llvm::raw_ostream &os) {
  try {
    Tokens tokens = syntax::filterTokens(file, sources, diags);
    for (const syntax::Token &t : tokens.list) {
      Sources::Position at = sources.position(file, t.span.begin);
      os << at.line << ':' << at.column << '\t';
      llvm::StringRef text = sources.text(t.span);
      switch (t.type) {
      case antlr4::Token::EOF:
        os << "end of file";
        break;
      case P::END:
        os << "end of statement";
        break;
      case P::NAME:
        os << "name\t" << text;
        break;
      case P::NUMBER:
        os << "number\t" << text;
        break;
      case P::STRING:
        os << "string\t" << text;
        break;
      case P::DERIVATIVE:
        os << "derivative\t" << text;
        break;
      case P::EVERYTHING:
        os << "everything\t" << text;
        break;
      default:
        os << (syntax::isKeyword(t.type) ? "keyword\t" : "mark\t") << syntax::spelling(t.type);
      }
      os << '\n';
    }
  } catch (const std::exception &e) {
    diags.error(Code::Internal, {file, 0, 0}, llvm::Twine("the lexer failed: ") + e.what());
  }
}

} // namespace apical
