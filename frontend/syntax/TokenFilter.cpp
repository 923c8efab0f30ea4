//===- TokenFilter.cpp - from bytes to the parser's tokens ------*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "frontend/syntax/TokenFilter.h"
#include "ApicalLexer.h"
#include "ApicalParser.h"
#include "frontend/sema/Dimension.h"
#include "frontend/syntax/ByteStream.h"
#include "llvm/Support/ConvertUTF.h"

namespace apical::sema {} // namespace apical::sema

namespace apical::syntax {
namespace {

using namespace sema;
using P = grammar::ApicalParser;
using L = grammar::ApicalLexer;

/// Brackets, operators and postfixes around one token; each is a recursion somewhere.
constexpr unsigned depthLimit = 400;
constexpr unsigned errorLimit = 50;

/// A line that begins with one of these continues the statement before it.
bool isClause(size_t type) {
  switch (type) {
  case P::BY:
  case P::WITH:
  case P::IN:
  case P::THROUGH:
  case P::EVERY:
  case P::WHILE:
  case P::FROM:
  case P::OF:
  case P::AS:
  case P::UNTIL:
  case P::ELSE:
    return true;
  default:
    return false;
  }
}

bool isOperator(size_t type) {
  switch (type) {
  case P::POWER:
  case P::STAR:
  case P::SLASH:
  case P::PLUS:
  case P::MINUS:
  case P::RANGE:
  case P::EQ:
  case P::NE:
  case P::LT:
  case P::LE:
  case P::GT:
  case P::GE:
  case P::AND:
  case P::OR:
  case P::NOT:
    return true;
  default:
    return false;
  }
}

/// After one of these a statement goes on in the next line.
bool wantsMore(size_t type) {
  switch (type) {
  case P::COMMA:
  case P::ARROW:
  case P::ASSIGN:
  case P::PLUS_ASSIGN:
  case P::MINUS_ASSIGN:
  case P::TILDE:
  case P::COLON:
  case P::DOT:
  case P::AT:
    return true;
  default:
    return isOperator(type);
  }
}

/// Words that begin a statement and nothing else: inside `(`, at the start of a
/// line, they show that the bracket was forgotten.
bool startsStatement(size_t type) {
  return type >= P::USE && type <= P::PROBE && type != P::SLOPE && type != P::WHEN &&
         type != P::ELSE;
}

bool startsDefinition(size_t type) {
  switch (type) {
  case P::USE:
  case P::FN:
  case P::UNIT:
  case P::SYNAPSE:
  case P::RULE:
  case P::OPTIMIZER:
  case P::NETWORK:
    return true;
  default:
    return false;
  }
}

struct Raw {
  size_t type;
  uint32_t begin, end;
  bool afterError = false;
};

class Filter {
public:
  Filter(uint32_t file, const Sources &sources, Diagnostics &diags)
      : file(file), text(sources.text(file)), diags(diags) {}

  Tokens run() {
    if (isText()) {
      lex();
      join();
      // Where braces do not add up, definitions show where a body should have ended.
      int balance = 0;
      for (const Raw &t : raw)
        balance += t.type == P::LBRACE ? 1 : t.type == P::RBRACE ? -1 : 0;
      closeAtDefinitions = balance > 0;
      arrange();
    }
    if (out.list.empty() || out.list.back().type != antlr4::Token::EOF)
      out.list.push_back({antlr4::Token::EOF, at(text.size(), text.size())});
    return std::move(out);
  }

private:
  Span at(size_t begin, size_t end) const {
    return {file, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)};
  }
  llvm::StringRef slice(const Raw &t) const { return text.slice(t.begin, t.end); }
  bool mayReport() { return ++reported <= errorLimit; }

  bool isText() {
    auto *begin = reinterpret_cast<const llvm::UTF8 *>(text.data()), *end = begin + text.size();
    auto *p = begin;
    if (!llvm::isLegalUTF8String(&p, end)) {
      size_t offset = static_cast<size_t>(p - begin);
      diags
          .error(Code::NotText, at(offset, offset + 1),
                 "the source is not text: byte " + llvm::Twine(offset) + " is not UTF-8")
          .hint("save the file as UTF-8");
      return false;
    }
    size_t nul = text.find('\0');
    if (nul != llvm::StringRef::npos) {
      diags
          .error(Code::NotText, at(nul, nul + 1),
                 "the source is not text: byte " + llvm::Twine(nul) + " is zero")
          .hint("is this a data file? programs are plain text");
      return false;
    }
    return true;
  }

  void lex() {
    ByteStream stream(text);
    if (text.starts_with("\xef\xbb\xbf"))
      stream.seek(3);
    L lexer(&stream);
    lexer.removeErrorListeners();
    bool dropped = false;
    while (true) {
      auto token = lexer.nextToken();
      if (token->getType() == antlr4::Token::EOF)
        break;
      Raw t{token->getType(), static_cast<uint32_t>(token->getStartIndex()),
            static_cast<uint32_t>(token->getStopIndex() + 1)};
      if (t.type == L::OTHER) {
        badToken(t);
        stream.seek(t.end);
        dropped = true;
        continue;
      }
      if (t.type == L::UNCLOSED_STRING) {
        if (mayReport())
          diags.error(Code::Syntax, at(t.begin, t.end), "the string is not closed")
              .hint("end it with `\"` on the same line");
        t.type = L::STRING;
        dropped = true;
      }
      t.afterError = dropped;
      if (t.type != L::NEWLINE)
        dropped = false;
      raw.push_back(t);
    }
    raw.push_back({antlr4::Token::EOF, static_cast<uint32_t>(text.size()),
                   static_cast<uint32_t>(text.size()), dropped});
  }

  /// Extends `t` over the whole character, and over a repetition of it.
  void badToken(Raw &t) {
    llvm::StringRef rest = text.substr(t.begin);
    size_t length = llvm::getNumBytesForUTF8(static_cast<llvm::UTF8>(rest[0]));
    llvm::StringRef character = rest.take_front(length);
    t.end = t.begin + static_cast<uint32_t>(character.size());
    while (text.substr(t.end).starts_with(character))
      t.end += static_cast<uint32_t>(character.size());
    if (!mayReport())
      return;
    unsigned char first = static_cast<unsigned char>(character[0]);
    if (first < 0x20 || first == 0x7f) {
      diags.error(Code::BadToken, at(t.begin, t.end), "a control character stands in the text")
          .hint("remove it");
      return;
    }
    auto &d = diags.error(Code::BadToken, at(t.begin, t.end),
                          "`" + character + "` starts no word of the language");
    static const std::pair<const char *, const char *> hints[] = {
        {"&", "a logical and is written `and`"},
        {"|", "a logical or is written `or`"},
        {"!", "a logical not is written `not`, unequal is `!=`"},
        {"#", "a comment starts with `//`"},
        {"'", "a string stands in double quotes: `\"file.npy\"`"},
        {"`", "a string stands in double quotes: `\"file.npy\"`"},
        {"\u201c", "a string stands in straight quotes: `\"file.npy\"`"},
        {"\u201d", "a string stands in straight quotes: `\"file.npy\"`"},
        {"%", "the remainder of x by n is `x - n * floor(x / n)`"},
        {"\u2212", "write the minus of the keyboard, `-`"},
        {"\u2013", "write the minus of the keyboard, `-`"},
        {"\u00d7", "write `*`"},
        {"\u00b7", "write `*`"},
        {"\u2192", "write `->`"},
        {"\u2264", "write `<=`"},
        {"\u2265", "write `>=`"},
        {"\u2260", "write `!=`"},
        {"\u00b2", "write `^2`"},
        {"\u00b5", "micro is written `u`: `us`, `uV`"},
        {"\u03bc", "micro is written `u`: `us`, `uV`"},
        {"?", "a choice is written `where(condition, a, b)`"},
        {"\u00a0", "this is a non-breaking space; write an ordinary one"},
    };
    for (auto &[what, hint] : hints)
      if (character == what)
        d.hint(hint);
    if (d.hintText.empty() && first >= 0x80)
      d.hint("names are written with a-z, A-Z, 0-9 and `_`");
  }

  /// Quantities, derivatives, names after a dot.
  void join() {
    std::vector<Raw> done;
    done.reserve(raw.size());
    for (size_t i = 0; i < raw.size(); ++i) {
      Raw t = raw[i];
      bool afterDot = !done.empty() && done.back().type == P::DOT;
      if (afterDot && (t.type == P::NAME || isKeyword(t.type)))
        t.type = P::NAME;
      else if (afterDot && t.type == P::STAR)
        t.type = P::EVERYTHING;
      else if (t.type == P::NAME)
        joinDerivative(t, i);
      else if (t.type == P::NUMBER)
        joinUnit(t, i);
      done.push_back(t);
    }
    raw = std::move(done);
  }

  void joinDerivative(Raw &t, size_t &i) {
    if (i + 2 >= raw.size() || t.end - t.begin < 2 || text[t.begin] != 'd')
      return;
    const Raw &slash = raw[i + 1], &dt = raw[i + 2];
    if (slash.type == P::SLASH && slash.begin == t.end && dt.type == P::NAME &&
        dt.begin == slash.end && slice(dt) == "dt") {
      t.type = P::DERIVATIVE;
      t.end = dt.end;
      i += 2;
    }
  }

  void joinUnit(Raw &t, size_t &i) {
    const Raw &next = raw[i + 1];
    bool adjacent = next.begin == t.end;
    if (adjacent && next.type == P::NUMBER) { // 1.5.5, 0x10 and the like start so
      return;
    }
    if (next.type != P::NAME && !(adjacent && isKeyword(next.type)))
      return;
    if (text.slice(t.end, next.begin).find_first_not_of(" \t") != llvm::StringRef::npos)
      return;
    if (next.type != P::NAME || !readUnit(slice(next))) {
      if (mayReport()) {
        llvm::StringRef word = slice(next), number = slice(t);
        auto &d = diags.error(Code::BadUnit, at(next.begin, next.end),
                              "unknown unit `" + word + "` after the number `" + number + "`");
        std::string near = nearest(
            word, {"ms",    "s",     "us",     "ns",     "min", "h",   "mV",   "V",    "uV",
                   "pA",    "nA",    "uA",     "mA",     "A",   "nS",  "uS",   "mS",   "S",
                   "pF",    "nF",    "uF",     "Hz",     "kHz", "ohm", "kohm", "Mohm", "tick",
                   "ticks", "trial", "trials", "epochs", "mm",  "um",  "mM",   "kg",   "mol"});
        if (word == "sec" || word == "seconds" || word == "second")
          near = "s";
        if (!near.empty())
          d.hint("did you mean `" + number + " " + near + "`?");
        else
          d.hint("to multiply, write `" + number + " * " + word + "`");
      }
      ++i; // go on as if the number stood alone
      raw[i + 1].afterError = t.afterError = true;
      return;
    }
    t.end = next.end;
    ++i;
    joinPower(t, i);
    while (i + 2 < raw.size() && (raw[i + 1].type == P::SLASH || raw[i + 1].type == P::STAR) &&
           raw[i + 1].begin == t.end && raw[i + 2].type == P::NAME &&
           raw[i + 2].begin == raw[i + 1].end && readUnit(slice(raw[i + 2]))) {
      t.end = raw[i + 2].end;
      i += 2;
      joinPower(t, i);
    }
  }

  /// `s^2` in a unit: a whole exponent of one digit, without spaces.
  void joinPower(Raw &t, size_t &i) {
    if (i + 2 < raw.size() && raw[i + 1].type == P::POWER && raw[i + 1].begin == t.end &&
        raw[i + 2].type == P::NUMBER && raw[i + 2].begin == raw[i + 1].end &&
        raw[i + 2].end == raw[i + 2].begin + 1) {
      t.end = raw[i + 2].end;
      i += 2;
    }
  }

  //===--------------------------------------------------------------------===//
  // Ends of statements, brackets, depth
  //===--------------------------------------------------------------------===//

  size_t top() const {
    return stack.empty() ? 0 : out.list[static_cast<size_t>(stack.back())].type;
  }
  bool inParentheses() const { return top() == P::LPAREN || top() == P::LBRACKET; }
  size_t previous() const { return out.list.empty() ? 0 : out.list.back().type; }
  uint32_t previousEnd() const { return out.list.empty() ? 0 : out.list.back().span.end; }

  void put(size_t type, Span span, bool invented = false, bool afterError = false) {
    out.list.push_back({type, span, stack.empty() ? -1 : stack.back(), invented, afterError});
  }

  void end(Span span) {
    if (previous() != 0 && previous() != P::END && previous() != P::LBRACE) {
      put(P::END, span);
      resetLevel();
    }
  }

  void resetLevel() {
    depth -= levels.back();
    levels.back() = 0;
  }
  void deeper() {
    ++levels.back();
    ++depth;
  }

  void open(size_t type, Span span, bool afterError) {
    put(type, span, false, afterError);
    stack.push_back(static_cast<int>(out.list.size()) - 1);
    levels.push_back(1);
    ++depth;
  }
  void close(size_t type, Span span, bool invented = false) {
    put(type, span, invented);
    out.list.back().opener = stack.back();
    stack.pop_back();
    depth -= levels.back();
    levels.pop_back();
  }

  static size_t partner(size_t type) {
    return type == P::LPAREN ? P::RPAREN : type == P::LBRACKET ? P::RBRACKET : P::RBRACE;
  }

  /// Reports that the innermost bracket is open at `found`, and closes it.
  void closeMissing(const Raw &found, bool atNewLine) {
    size_t type = top();
    Span opened = out.list[static_cast<size_t>(stack.back())].span;
    uint32_t end = previousEnd();
    // A forgotten `)` often leaves a brace open too; one message is enough.
    bool repeated = type == P::LBRACE && bracketErrors > 0;
    ++bracketErrors;
    if (!found.afterError && !repeated && mayReport()) {
      std::string meaning = bracketMeaning(out, stack.back()).str();
      std::string want = "`" + spelling(partner(type)) + "`";
      std::string what = found.type == antlr4::Token::EOF ? "the end of the file"
                         : atNewLine                      ? "the end of the line"
                                                          : "`" + slice(found).str() + "`";
      Span place =
          found.type == antlr4::Token::EOF || atNewLine ? at(end, end) : at(found.begin, found.end);
      diags
          .error(Code::UnclosedBracket, place,
                 "expected " + want + " to close the " + meaning + ", found " + what)
          .label(opened, "the " + meaning +
                             (meaning == "parentheses" || meaning.back() == 's' ? " open here"
                                                                                : " opens here"));
    }
    if (type == P::LBRACE)
      this->end(at(end, end));
    close(partner(type), at(end, end), /*invented=*/true);
  }

  void arrange() {
    levels.push_back(0);
    bool newline = false, afterError = false;
    size_t newlineAt = 0;
    std::string doc;
    for (size_t i = 0; i < raw.size(); ++i) {
      Raw &t = raw[i];
      if (isKeyword(t.type) && namesArgument(i))
        t.type = P::NAME;
      if (t.type == L::NEWLINE) {
        if (!newline)
          newlineAt = t.begin;
        newline = true;
        continue;
      }
      if (t.type == L::DOC) {
        addDoc(doc, slice(t));
        continue;
      }
      afterError |= t.afterError;
      Raw token = t;
      token.afterError = afterError;
      breakStatement(token, newline, newlineAt);
      newline = false;
      if (!doc.empty() && t.type != P::SEMICOLON && t.type != P::RBRACE) {
        out.docs[static_cast<unsigned>(out.list.size())] = doc;
        doc.clear();
      }
      if (!take(token))
        afterError = true; // dropped
      else
        afterError = false;
      if (depth > depthLimit) {
        diags.error(Code::NestedTooDeep, at(t.begin, t.end), "the text is nested too deeply here")
            .note("at most " + llvm::Twine(depthLimit) +
                  " brackets and operators can stand within each other")
            .hint("give parts of it names with `let`");
        out = {};
        return;
      }
    }
  }

  /// `table(train = …)`: any word can name an argument.
  bool namesArgument(size_t i) const {
    if (top() != P::LPAREN || (previous() != P::LPAREN && previous() != P::COMMA) ||
        bracketMeaning(out, stack.back()) != "arguments")
      return false;
    size_t next = i + 1;
    while (raw[next].type == L::NEWLINE)
      ++next;
    return raw[next].type == P::ASSIGN || raw[next].type == P::TILDE;
  }

  /// Everything that has to come before `t`: ENDs and forgotten brackets.
  void breakStatement(const Raw &t, bool newline, size_t newlineAt) {
    bool eof = t.type == antlr4::Token::EOF;
    while (inParentheses() && (eof || t.type == P::LBRACE || t.type == P::RBRACE ||
                               (newline && startsStatement(t.type))))
      closeMissing(t, newline && t.type != P::RBRACE && t.type != P::LBRACE);
    if (closeAtDefinitions && newline && startsDefinition(t.type))
      while (!stack.empty())
        closeMissing(t, false);
    if (eof) {
      while (!stack.empty())
        closeMissing(t, false);
      end(at(previousEnd(), previousEnd()));
      return;
    }
    if (inParentheses() || t.type == P::SEMICOLON)
      return;
    if (t.type == P::RBRACE) {
      end(at(t.begin, t.end));
      return;
    }
    bool ends = (newline && !wantsMore(previous())) || previous() == P::RBRACE;
    if (ends && !isClause(t.type))
      end(newline ? at(newlineAt, newlineAt) : at(previousEnd(), previousEnd()));
  }

  /// Returns false if the token was dropped.
  bool take(const Raw &t) {
    Span span = at(t.begin, t.end);
    switch (t.type) {
    case P::SEMICOLON:
      end(span);
      return true;
    case P::LPAREN:
    case P::LBRACKET:
    case P::LBRACE:
      deeper();
      open(t.type, span, t.afterError);
      return true;
    case P::RPAREN:
    case P::RBRACKET:
    case P::RBRACE:
      return takeClosing(t);
    case P::COMMA:
      resetLevel();
      break;
    case P::DOT:
    case P::AT:
    case P::ELSE:
      deeper();
      break;
    default:
      if (isOperator(t.type))
        deeper();
    }
    put(t.type, span, false, t.afterError);
    return true;
  }

  bool takeClosing(const Raw &t) {
    Span span = at(t.begin, t.end);
    if (!stack.empty() && partner(top()) == t.type) {
      close(t.type, span);
      out.list.back().afterError = t.afterError;
      return true;
    }
    // `(a[i)`: the `[` was forgotten to be closed, if a `(` stands further out.
    if (inParentheses() && stack.size() > 1 &&
        partner(out.list[static_cast<size_t>(stack[stack.size() - 2])].type) == t.type) {
      closeMissing(t, false);
      close(t.type, span);
      return true;
    }
    if (!t.afterError && mayReport()) {
      auto &d = diags.error(Code::Syntax, span, "`" + slice(t) + "` closes nothing");
      if (inParentheses())
        d.label(out.list[static_cast<size_t>(stack.back())].span,
                "this is closed by `" + spelling(partner(top())) + "`");
      d.hint("remove it, or open the bracket before");
    }
    return false;
  }

  static void addDoc(std::string &doc, llvm::StringRef line) {
    line = line.drop_front(3);
    if (line.starts_with("/")) // a rule of slashes is an ordinary comment
      return;
    line.consume_front(" ");
    if (!doc.empty())
      doc += '\n';
    doc += line.rtrim().str();
  }

  uint32_t file;
  llvm::StringRef text;
  Diagnostics &diags;
  std::vector<Raw> raw;
  Tokens out;
  std::vector<int> stack;
  std::vector<unsigned> levels; ///< operators passed at each open bracket
  unsigned depth = 0, reported = 0, bracketErrors = 0;
  bool closeAtDefinitions = false;
};

} // namespace

bool isKeyword(size_t type) { return type >= P::USE && type <= P::FALSE; }

std::string spelling(size_t type) {
  static ByteStream nothing("");
  static L lexer(&nothing);
  std::string name = lexer.getVocabulary().getLiteralName(type);
  return name.size() > 2 ? name.substr(1, name.size() - 2) : "";
}

llvm::StringRef bracketMeaning(const Tokens &tokens, int index) {
  auto type = [&](int i) { return i < 0 ? 0 : tokens.list[static_cast<size_t>(i)].type; };
  size_t before = type(index - 1);
  bool afterValue = before == P::NAME || before == P::RPAREN || before == P::RBRACKET;
  if (type(index) == P::LBRACE)
    return "block";
  if (type(index) == P::LBRACKET)
    return afterValue ? "index" : "array";
  if (!afterValue)
    return "parentheses";
  return startsDefinition(type(index - 2)) ? "parameters" : "arguments";
}

Tokens filterTokens(uint32_t file, const Sources &sources, Diagnostics &diags) {
  return Filter(file, sources, diags).run();
}

} // namespace apical::syntax
