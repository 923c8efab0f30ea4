//===- source_fuzz.cpp - broken programs, at random ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
///     apical_source_fuzz SECONDS SEED LIBRARY FILE...
///
/// Mutates the given programs (bytes, words, lines, tokens, splices) and takes each
/// as far as it goes: parse, check, elaborate with the library of the folder
/// LIBRARY, verify, interpret one step of each experiment, run the passes, verify.
/// A crash, a hang of more than ten seconds, a message without a valid place, a
/// defect that the compiler itself reports, or a memory that grows is a failure;
/// the input is then left in `source_fuzz_failure.apical` and the seed printed, so
/// that it can be repeated. At the end it prints which diagnostic codes it reached;
/// fewer than LEAST_CODES would mean that the mutations no longer get deep.
//
//===----------------------------------------------------------------------===//
#include "codegen/interpreter/Interpreter.h"
#include "frontend/Ast.h"
#include "frontend/Elaborate.h"
#include "ir/ApicalDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

using namespace apical;

namespace {

/// A run of 20 seconds reaches about twice as many.
constexpr size_t LEAST_CODES = 15;

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

/// Of processor time, which a busy machine does not use up. 0: none.
void limit(int seconds) {
  struct itimerval timer{};
  timer.it_value.tv_sec = seconds;
  setitimer(ITIMER_PROF, &timer, nullptr);
}

void onSignal(int signal) {
  saveFailure(signal == SIGPROF ? "hang" : "crash");
  _exit(1);
}

void require(bool condition, const char *what) {
  if (condition)
    return;
  saveFailure(what);
  _exit(1);
}

std::map<std::string, unsigned long> codesSeen;
unsigned long elaborated = 0, interpreted = 0;

/// The library, parsed once; its files have the numbers from 1 on.
struct Library {
  std::vector<std::pair<std::string, std::string>> texts;
  Sources sources;
  ast::Ast ast;
  std::vector<ast::File> files;

  explicit Library(const std::string &folder) {
    std::set<std::string> paths;
    std::error_code error;
    for (llvm::sys::fs::directory_iterator it(folder, error), end; it != end && !error;
         it.increment(error))
      if (llvm::StringRef(it->path()).ends_with(".apical"))
        paths.insert(it->path());
    sources.add("model.apical", "");
    Diagnostics diags(sources);
    for (const std::string &path : paths) {
      auto buffer = llvm::MemoryBuffer::getFile(path);
      texts.emplace_back(path, buffer ? (*buffer)->getBuffer().str() : "");
      files.push_back(parse(sources.add(path, texts.back().second), sources, ast, diags));
    }
    if (texts.empty() || diags.hasErrors()) {
      std::fprintf(stderr, "source_fuzz: no library in %s\n", folder.c_str());
      std::exit(2);
    }
  }
};

/// A context is a warehouse of types and attributes, emptied now and then.
std::unique_ptr<mlir::MLIRContext> freshContext() {
  mlir::DialectRegistry registry;
  registry.insert<ir::ApicalDialect, mlir::arith::ArithDialect, mlir::math::MathDialect>();
  auto context =
      std::make_unique<mlir::MLIRContext>(registry, mlir::MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  return context;
}

/// Points that the lifts of a step visit, to leave out what would take minutes.
double costOf(ir::StepOp step) {
  double points = 0;
  step.walk([&](mlir::Operation *op) {
    double size = 1;
    if (auto lift = llvm::dyn_cast<ir::LiftOp>(op))
      for (int64_t s : lift.getSizes())
        size *= mlir::ShapedType::isDynamic(s) ? 2 : static_cast<double>(s);
    else
      for (mlir::Type type : op->getResultTypes())
        if (auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type))
          for (int64_t s : tensor.getShape())
            size *= mlir::ShapedType::isDynamic(s) ? 2 : static_cast<double>(s);
    points += llvm::isa<ir::VjpOp>(op) ? 0 : size;
  });
  bool derivatives = !step.getBody().front().getOps<ir::VjpOp>().empty();
  return derivatives ? 20 * points : points;
}

/// One step of every experiment on made-up data, after the initialising one.
void interpret(mlir::ModuleOp module) {
  llvm::StringMap<apical::Field> states;
  for (auto state : module.getOps<ir::StateOp>()) {
    auto type = llvm::cast<mlir::RankedTensorType>(state.getType());
    double size = 1;
    for (int64_t s : type.getShape())
      size *= static_cast<double>(s);
    if (size > 2e5)
      return; // as costOf below
    states[state.getSymName()] = apical::Field({type.getShape().begin(), type.getShape().end()});
  }
  std::vector<ir::StepOp> steps;
  for (auto step : module.getOps<ir::StepOp>())
    if (step.getSymName() == "init")
      steps.insert(steps.begin(), step);
    else
      steps.push_back(step);
  for (ir::StepOp step : steps) {
    if (costOf(step) > 2e5)
      return;
    HostClock clock;
    clock.samples = 2;
    std::vector<apical::Field> columns;
    for (auto argument : step.getBody().front().getArguments()) {
      auto shape = llvm::cast<mlir::RankedTensorType>(argument.getType()).getShape();
      std::vector<int64_t> sizes(shape.begin(), shape.end());
      sizes[0] = clock.samples;
      columns.emplace_back(sizes, 1.0);
    }
    std::vector<Reported> results;
    require(mlir::succeeded(Interpreter(step).run(states, columns, {}, clock, results)),
            "the interpreter failed");
    ++interpreted;
  }
}

/// The whole compiler but code generation on one text: what it says must have a
/// place in the text, and must be printable.
void checkEverything(const std::string &text, const Library &library) {
  static std::unique_ptr<mlir::MLIRContext> context;
  if (executed % 256 == 1 || !context)
    context = freshContext();
  static std::string defect;
  defect.clear();
  mlir::ScopedDiagnosticHandler handler(context.get(), [](mlir::Diagnostic &d) {
    defect = "the compiler says: " + d.str();
    return mlir::success();
  });

  Sources sources;
  sources.add("model.apical", text);
  for (auto &[path, content] : library.texts)
    sources.add(path, content);
  ast::Ast ast;
  Diagnostics diags(sources);
  std::vector<ast::File> files{parse(0, sources, ast, diags)};
  bool parsed = !diags.hasErrors();
  mlir::OwningOpRef<mlir::ModuleOp> module;
  if (parsed) {
    files.insert(files.end(), library.files.begin(), library.files.end());
    ElaborateOptions options;
    options.probe = [](llvm::StringRef path, int, llvm::StringRef field, ColumnInfo &info,
                       std::string &why) {
      if (path.contains("missing")) {
        why = "missing";
        return false;
      }
      info.type = path.size() % 3 == 0 ? 2 : 0;
      info.rows = 8;
      if (path.contains("image") && field.empty())
        info.shape = {28, 28};
      return true;
    };
    module = elaborate(files, sources, diags, *context, options);
    require(diags.hasErrors() || module, "neither a module nor a message");
  }
  for (const Diagnostic &d : diags.sorted()) {
    ++codesSeen[codeName(d.code)];
    require(d.code != Code::Internal, "internal error");
    require(!d.message.empty(), "empty message");
    auto inside = [&](Span span) {
      return span.begin <= span.end && span.end <= sources.text(span.file).size();
    };
    require(inside(d.span), "place outside of the text");
    for (const Label &label : d.labels)
      require(inside(label.span), "label outside of the text");
  }
  llvm::raw_null_ostream nowhere;
  diags.print(nowhere, false);
  diags.printJson(nowhere);
  ast::dump(files[0], sources, nowhere);
  if (diags.hasErrors() || !module)
    return;
  ++elaborated;
  require(mlir::succeeded(mlir::verify(*module)) && defect.empty(), defect.c_str());
  interpret(*module);
  require(defect.empty(), defect.c_str());
  mlir::PassManager passes(context.get());
  addDialectPasses(passes);
  require(mlir::succeeded(passes.run(*module)), defect.c_str());
}

class Mutator {
public:
  Mutator(std::vector<std::string> corpus, unsigned seed) : corpus(std::move(corpus)), dice(seed) {}

  std::string next() {
    std::string text = corpus[pick(corpus.size())];
    // Mostly one or two mistakes, as people make them: what has many fails in the parser.
    for (size_t i = pick(4) ? 1 + pick(2) : 1 + pick(6); i-- > 0;)
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

  /// A name or a number at or behind a random place; size 0 if there is none.
  std::pair<size_t, size_t> token(const std::string &text, bool number) {
    auto inside = [&](size_t i) {
      return std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '_';
    };
    for (size_t i = pick(text.size() + 1); i < text.size(); ++i)
      if (inside(i) && (i == 0 || !inside(i - 1)) &&
          (std::isdigit(static_cast<unsigned char>(text[i])) != 0) == number) {
        size_t end = i;
        while (end < text.size() && (inside(end) || (number && text[end] == '.')))
          ++end;
        return {i, end - i};
      }
    return {text.size(), 0};
  }
  void replaceToken(std::string &text, const std::string &from, bool number) {
    auto [b, bSize] = token(from, number);
    std::string other = from.substr(b, bSize);
    auto [a, aSize] = token(text, number);
    if (aSize && !other.empty())
      text.replace(a, aSize, other);
  }
  /// A whole line with its end.
  std::pair<size_t, size_t> line(const std::string &text) {
    size_t at = pick(text.size() + 1), begin = at ? text.rfind('\n', at - 1) : std::string::npos;
    begin = begin == std::string::npos ? 0 : begin + 1;
    size_t end = text.find('\n', begin);
    return {begin, (end == std::string::npos ? text.size() : end + 1) - begin};
  }
  void insertLine(std::string &text, const std::string &from) {
    auto [b, size] = line(from);
    std::string other = from.substr(b, size);
    text.insert(line(text).first, other);
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
    switch (pick(22)) {
    case 10: // one name for another of the same program
    case 11:
    case 12:
      replaceToken(text, text, /*number=*/false);
      break;
    case 13: // one name for one of another program
      replaceToken(text, corpus[pick(corpus.size())], /*number=*/false);
      break;
    case 14: { // a number for an interesting one
      static const char *const numbers[] = {"0",     "1",      "2",    "-1",   "0.5",
                                            "1e9",   "1e-300", "1e38", "3 mV", "(0/0)",
                                            "20 ms", "true",   "65536"};
      auto [a, size] = token(text, /*number=*/true);
      if (size)
        text.replace(a, size, numbers[pick(std::size(numbers))]);
      break;
    }
    case 15: // a line twice, or one of another program
    case 16:
      insertLine(text, pick(2) ? text : corpus[pick(corpus.size())]);
      break;
    case 17: { // a line moves
      auto [a, size] = line(text);
      std::string moved = text.substr(a, size);
      text.erase(a, size);
      text.insert(line(text).first, moved);
      break;
    }
    case 18: // a line less
    case 19: {
      auto [a, size] = line(text);
      text.erase(a, size);
      break;
    }
    case 20: { // one operator for another
      static const char *const operators[] = {"+", "-", "*", "/", "^", "==", "<", "and", "..", "@"};
      size_t a = text.find_first_of("+-*/^<", at);
      if (a != std::string::npos)
        text.replace(a, 1, operators[pick(std::size(operators))]);
      break;
    }
    case 21: { // an argument less
      size_t a = text.find('(', at), b = text.find_first_of(",)", a);
      if (a != std::string::npos && b != std::string::npos)
        text.erase(a + 1, b - a - (text[b] == ')' ? 1 : 0));
      break;
    }
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
  if (argc < 5) {
    std::fprintf(stderr, "usage: apical_source_fuzz SECONDS SEED LIBRARY FILE...\n");
    return 2;
  }
  double seconds = std::atof(argv[1]);
  currentSeed = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
  std::vector<std::string> corpus;
  Library library(argv[3]);
  for (int i = 4; i < argc; ++i) {
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
  for (int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGPROF})
    sigaction(signal, &action, nullptr);

  Mutator mutator(std::move(corpus), currentSeed);
  auto start = std::chrono::steady_clock::now();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() <
         seconds) {
    std::string text = mutator.next();
    current = &text;
    ++executed;
    limit(10);
    checkEverything(text, library);
    limit(0);
  }
  std::printf("source_fuzz: seed %u, %lu inputs, %lu elaborated, %lu steps interpreted\n",
              currentSeed, executed, elaborated, interpreted);
  for (auto &[code, times] : codesSeen)
    std::printf("  %s %lu\n", code.c_str(), times);
  struct rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("  %zu codes, %ld MB at most\n", codesSeen.size(), usage.ru_maxrss / 1024);
  // A text of 64 KB, its tree and its module take tens of megabytes: a leak takes more.
  bool small = usage.ru_maxrss < 1000l * 1024;
  bool deep = seconds < 10 || (codesSeen.size() >= LEAST_CODES && interpreted > 0);
  if (!small || !deep)
    std::fprintf(stderr, "source_fuzz: %s\n", small ? "too few codes reached" : "memory grows");
  return small && deep ? 0 : 1;
}
