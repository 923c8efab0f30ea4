//===- source_fuzz.cpp - broken programs, at random ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
///     apical_source_fuzz SECONDS SEED FILE...
///
/// Mutates the given programs (bytes, pieces, words, lines, splices) and gives
/// each to the front end. A crash, a hang of more than ten seconds or a message
/// without a valid place is a failure; the input is then left in
/// `source_fuzz_failure.apical` and the seed printed, so that it can be repeated.
//
//===----------------------------------------------------------------------===//
#include "frontend/Ast.h"
#include "llvm/Support/MemoryBuffer.h"
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <unistd.h>

using namespace apical;

namespace {

const std::string *current = nullptr;
unsigned currentSeed = 0;
unsigned long executed = 0;

void saveFailure(const char *why) {
  if (FILE *file = std::fopen("source_fuzz_failure.apical", "wb")) {
    std::fwrite(current->data(), 1, current->size(), file);
    std::fclose(file);
  }
  std::fprintf(stderr, "source_fuzz: %s, seed %u, input %lu; see source_fuzz_failure.apical\n", why,
               currentSeed, executed);
}

void onSignal(int signal) {
  saveFailure(signal == SIGALRM ? "hang" : "crash");
  _exit(1);
}

void require(bool condition, const char *what) {
  if (condition)
    return;
  saveFailure(what);
  _exit(1);
}

/// The whole front end on one text: what it says must have a place in the text,
/// and must be printable.
void checkEverything(const std::string &text) {
  Sources sources;
  sources.add("model.apical", text);
  ast::Ast ast;
  Diagnostics diags(sources);
  ast::File file = parse(0, sources, ast, diags);
  for (const Diagnostic &d : diags.sorted()) {
    require(d.code != Code::Internal, "internal error");
    require(!d.message.empty(), "empty message");
    require(d.span.begin <= d.span.end && d.span.end <= text.size(), "place outside of the text");
    for (const Label &label : d.labels)
      require(label.span.begin <= label.span.end && label.span.end <= text.size(),
              "label outside of the text");
  }
  llvm::raw_null_ostream nowhere;
  diags.print(nowhere, false);
  diags.printJson(nowhere);
  ast::dump(file, sources, nowhere);
}

class Mutator {
public:
  Mutator(std::vector<std::string> corpus, unsigned seed) : corpus(std::move(corpus)), dice(seed) {}

  std::string next() {
    std::string text = corpus[pick(corpus.size())];
    for (size_t i = 1 + pick(6); i-- > 0;)
      mutate(text);
    return text.size() > 1u << 16 ? text.substr(0, 1u << 16) : text;
  }

private:
  size_t pick(size_t n) { return n ? std::uniform_int_distribution<size_t>(0, n - 1)(dice) : 0; }

  std::pair<size_t, size_t> word(const std::string &text) {
    size_t begin = pick(text.size() + 1), end = begin;
    auto inside = [&](size_t i) {
      return std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '_';
    };
    while (begin > 0 && inside(begin - 1))
      --begin;
    while (end < text.size() && inside(end))
      ++end;
    return {begin, std::max(end, std::min(begin + 1, text.size())) - begin};
  }

  void mutate(std::string &text) {
    static const char *const pieces[] = {
        "(",     ")",     "[",      "]",     "{",     "}",     "\n",    ";",
        ",",     ":",     "=",      "==",    "..",    ".",     "@",     "->",
        "~",     "+=",    "-",      "not ",  "and",   "\"",    "//",    "///",
        "dv/dt", "20 ms", "1e9999", "5 xyz", "else",  "with",  "each",  "connection",
        "learn", "by",    "run",    "until", "area ", "unit ", "rule ", "\xc3\xa9",
        "\xff",  "\r",    "\t",     ".*",    "^",     "0",     "1..9",  "for k in "};
    size_t at = pick(text.size() + 1);
    switch (pick(10)) {
    case 0: // one bit
      if (!text.empty())
        text[pick(text.size())] ^= static_cast<char>(1 << pick(8));
      break;
    case 1: // some bytes less
      text.erase(at, pick(20));
      break;
    case 2:
    case 3: // a piece of the language more
      text.insert(at, pieces[pick(std::size(pieces))]);
      break;
    case 4: { // two words change places
      auto [a, aSize] = word(text);
      auto [b, bSize] = word(text);
      if (a + aSize <= b) {
        std::string first = text.substr(a, aSize), second = text.substr(b, bSize);
        text.replace(b, bSize, first);
        text.replace(a, aSize, second);
      }
      break;
    }
    case 5: { // a word of another program
      auto [a, aSize] = word(text);
      const std::string &other = corpus[pick(corpus.size())];
      auto [b, bSize] = word(other);
      text.replace(a, aSize, other.substr(b, bSize));
      break;
    }
    case 6: { // a stretch of another program
      const std::string &other = corpus[pick(corpus.size())];
      text.insert(at, other.substr(pick(other.size() + 1), pick(300)));
      break;
    }
    case 7: { // a stretch again and again
      std::string stretch = text.substr(at, 1 + pick(12));
      std::string many;
      for (size_t i = pick(pick(8) ? 4 : 600); i-- > 0;)
        many += stretch;
      text.insert(at, many);
      break;
    }
    case 8: { // a line less
      size_t from = text.find('\n', at);
      if (from != std::string::npos)
        text.erase(from, text.find('\n', from + 1) - from);
      break;
    }
    default: // the end is missing
      text.resize(pick(8) ? std::max(text.size() - std::min<size_t>(text.size(), 40), at) : at);
    }
  }

  std::vector<std::string> corpus;
  std::mt19937 dice;
};

} // namespace

int main(int argc, char **argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: apical_source_fuzz SECONDS SEED FILE...\n");
    return 2;
  }
  double seconds = std::atof(argv[1]);
  currentSeed = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
  std::vector<std::string> corpus;
  for (int i = 3; i < argc; ++i) {
    auto buffer = llvm::MemoryBuffer::getFile(argv[i]);
    if (!buffer) {
      std::fprintf(stderr, "source_fuzz: cannot read %s\n", argv[i]);
      return 2;
    }
    corpus.push_back((*buffer)->getBuffer().str());
  }
  // On its own stack, so that an overflow of the stack is caught too.
  static char stack[1 << 16];
  stack_t alternative{};
  alternative.ss_sp = stack;
  alternative.ss_size = sizeof stack;
  sigaltstack(&alternative, nullptr);
  struct sigaction action{};
  action.sa_handler = onSignal;
  action.sa_flags = SA_ONSTACK;
  for (int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM})
    sigaction(signal, &action, nullptr);

  Mutator mutator(std::move(corpus), currentSeed);
  auto start = std::chrono::steady_clock::now();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() <
         seconds) {
    std::string text = mutator.next();
    current = &text;
    ++executed;
    alarm(10);
    checkEverything(text);
    alarm(0);
  }
  std::printf("source_fuzz: %lu inputs, seed %u\n", executed, currentSeed);
  return 0;
}
