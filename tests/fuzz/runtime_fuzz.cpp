//===- runtime_fuzz.cpp - damaged files and strange flags ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
///     apical_runtime_fuzz SECONDS SEED
///
/// In turn: a mutated checkpoint is loaded (an error with a message and no state
/// changed, or the very state that was saved: nothing between); a mutated IDX,
/// NPY or CSV file is probed and loaded (an error with a message, or as many
/// bytes as its description says); a random command line is read. Half of the
/// mutated checkpoint headers get their checksum mended, so that what lies
/// behind it is reached. What crashes is left in `runtime_fuzz_failure`.
//
//===----------------------------------------------------------------------===//
#include "tests/runtime/FakeProgram.h"

#include <chrono>
#include <csignal>
#include <cstring>
#include <random>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>
#include <zlib.h>

using namespace apical::test;

namespace {

std::mt19937 dice;
std::string current; // the bytes at hand
unsigned seed = 0;
unsigned long executed = 0;

size_t pick(size_t n) { return n ? std::uniform_int_distribution<size_t>(0, n - 1)(dice) : 0; }

[[noreturn]] void fail(const char *why) {
  if (FILE *file = std::fopen("runtime_fuzz_failure", "wb")) {
    std::fwrite(current.data(), 1, current.size(), file);
    std::fclose(file);
  }
  std::fprintf(stderr, "runtime_fuzz: %s, seed %u, input %lu; see runtime_fuzz_failure\n", why,
               seed, executed);
  _exit(1);
}

/// Of processor time, which a busy machine does not use up. 0: none.
void limit(int seconds) {
  struct itimerval timer{};
  timer.it_value.tv_sec = seconds;
  setitimer(ITIMER_PROF, &timer, nullptr);
}

void onSignal(int signal) { fail(signal == SIGPROF ? "hang" : "crash"); }

void requireMessage(const apical_error &error) {
  size_t length = strnlen(error.message, sizeof error.message);
  if (length == 0 || length == sizeof error.message)
    fail("an error without a message");
}

void mutate(std::string &bytes, size_t from, size_t to) {
  static const char *const pieces[] = {"{",
                                       "}",
                                       "[",
                                       "]",
                                       ",",
                                       ":",
                                       "\"",
                                       "null",
                                       "-1",
                                       "0",
                                       "1e99",
                                       "1.5",
                                       "999999999",
                                       "4294967296",
                                       "\"F64\"",
                                       "nan",
                                       "\n",
                                       "\r\n",
                                       "\\",
                                       "\xff",
                                       "true",
                                       "inf",
                                       "18446744073709551616",
                                       " ",
                                       ";",
                                       "\t",
                                       "'"};
  to = std::min(to, bytes.size());
  size_t at = from + pick(to > from ? to - from : 1);
  at = std::min(at, bytes.size());
  switch (pick(8)) {
  case 0:
  case 1: // one bit
    if (at < bytes.size())
      bytes[at] ^= static_cast<char>(1 << pick(8));
    break;
  case 2: // one byte, of those at the edges of ranges
    if (at < bytes.size())
      bytes[at] = "\x00\x01\x7f\x80\xff\xfe"[pick(6)];
    break;
  case 3:
    bytes.erase(at, 1 + pick(9));
    break;
  case 4:
    bytes.insert(at, pieces[pick(std::size(pieces))]);
    break;
  case 5: { // a stretch twice
    std::string stretch = bytes.substr(at, 1 + pick(40));
    bytes.insert(at, stretch);
    break;
  }
  case 6: { // digits
    size_t digit = bytes.find_first_of("0123456789", at);
    if (digit != std::string::npos)
      bytes[digit] = static_cast<char>('0' + pick(10));
    break;
  }
  default:
    bytes.resize(pick(4) ? at : at + pick(1000));
  }
}

/// The checksum of the header of a checkpoint, set to what it would have to be.
void mendChecksum(std::string &file) {
  uint64_t length;
  if (file.size() < 8)
    return;
  memcpy(&length, file.data(), 8);
  size_t digits = file.find("header_crc32");
  if (length > file.size() - 8 || digits == std::string::npos || digits + 23 > 8 + length)
    return;
  file.replace(digits + 15, 8, "00000000");
  char text[9];
  snprintf(text, sizeof text, "%08lx",
           crc32(0, reinterpret_cast<const Bytef *>(file.data() + 8), uInt(length)));
  file.replace(digits + 15, 8, text);
}

class Checkpoints {
public:
  explicit Checkpoints(const Folder &folder) : fake(folder), path(folder / "model") {
    apical_error error{};
    if (apical_instance_create(&fake.program, 1, 1, &saved, &error) ||
        apical_instance_create(&fake.program, 2, 1, &loaded, &error))
      fail(error.message);
    double numbers[6] = {0.1, -2, 3e30, 4, 5, -6};
    apical_write_state(saved, 0, numbers, 6, &error);
    apical_write_state(saved, 1, numbers, 3, &error);
    if (apical_save(saved, path.c_str(), &error) ||
        apical_save(loaded, (folder / "fresh").c_str(), &error))
      fail(error.message);
    whole = readFile(path);
    fresh = readFile(folder / "fresh");
  }
  ~Checkpoints() {
    apical_instance_destroy(saved);
    apical_instance_destroy(loaded);
  }

  void one() {
    std::string file = whole;
    uint64_t header;
    memcpy(&header, file.data(), 8);
    for (size_t k = 1 + pick(3); k-- > 0;)
      mutate(file, 0, pick(4) ? 8 + header : file.size());
    if (pick(2))
      mendChecksum(file);
    load(file);
  }

private:
  void load(const std::string &file) {
    current = file;
    writeFile(path, file);
    auto before = memoryOf(loaded);
    apical_error error{};
    if (apical_load(loaded, path.c_str(), &error)) {
      requireMessage(error);
      if (memoryOf(loaded) != before)
        fail("a failed load changed the state");
      return;
    }
    ++accepted;
    if (memoryOf(loaded) != memoryOf(saved))
      fail("a damaged checkpoint loaded as something else");
    writeFile(path, fresh);
    if (apical_load(loaded, path.c_str(), &error))
      fail("the checkpoint itself no longer loads");
  }

  FakeProgram fake;
  std::string path, whole, fresh;
  apical_instance *saved = nullptr, *loaded = nullptr;

public:
  unsigned long accepted = 0;
};

class DataFiles {
public:
  explicit DataFiles(const Folder &folder) : path(folder / "data") {
    std::string idx{0, 0, 8, 2, 0, 0, 0, 6, 0, 0, 0, 5};
    for (int i = 0; i < 30; ++i)
      idx += static_cast<char>(i * 9);
    files.push_back({APICAL_IDX, "", idx});
    std::string zipped(200, '\0');
    z_stream z{};
    deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    z.next_in = reinterpret_cast<Bytef *>(idx.data());
    z.avail_in = uInt(idx.size());
    z.next_out = reinterpret_cast<Bytef *>(zipped.data());
    z.avail_out = uInt(zipped.size());
    deflate(&z, Z_FINISH);
    zipped.resize(z.total_out);
    deflateEnd(&z);
    files.push_back({APICAL_IDX, "", zipped});
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }";
    header.resize(117, ' ');
    header += '\n';
    files.push_back({APICAL_NPY, "",
                     std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + std::string(48, 'a')});
    files.push_back({APICAL_CSV, "b", "a,b,\"c d\"\n1,2,x\n3,4.5,\"y\"\"z\"\n-5,6e3,\n"});
    files.push_back({APICAL_CSV, "", "a,b\n1,2\n3,4\n5,6\n"});
  }

  void one() {
    const File &file = files[pick(files.size())];
    std::string bytes = file.bytes;
    for (size_t k = 1 + pick(3); k-- > 0;)
      mutate(bytes, 0, bytes.size());
    current = bytes;
    writeFile(path, bytes);
    apical_error error{};
    apical_data_info probed{}, info{};
    bool refused = apical_data_probe(path.c_str(), file.format, file.field, &probed, &error);
    if (refused)
      requireMessage(error);
    error = {};
    void *data = nullptr;
    if (apical_data_load(path.c_str(), file.format, file.field, &data, &info, &error)) {
      requireMessage(error);
      return;
    }
    ++accepted;
    if (refused || memcmp(&probed, &info, sizeof info) != 0)
      fail("a file was described in two ways");
    int64_t size = info.rows * info.elements * apical_type_size(info.type);
    volatile unsigned char last = 0; // a sanitizer sees reads behind the end
    for (int64_t k = 0; k < size; ++k)
      last = static_cast<unsigned char *>(data)[k];
    (void)last;
    free(data);
  }

  unsigned long accepted = 0;

private:
  struct File {
    int format;
    const char *field;
    std::string bytes;
  };
  std::string path;
  std::vector<File> files;
};

void commandLine() {
  static const char *const words[] = {"--seed",
                                      "--seed=",
                                      "--threads",
                                      "--threads=2",
                                      "--metrics",
                                      "--metrics=-",
                                      "--save",
                                      "--save=x",
                                      "--resume",
                                      "--epochs",
                                      "--epochs=0",
                                      "--quiet",
                                      "--list",
                                      "--help",
                                      "--set",
                                      "--set=a=1",
                                      "a=1",
                                      "-1",
                                      "0",
                                      "1e9",
                                      "",
                                      "-",
                                      "--",
                                      "---",
                                      "--seed=a",
                                      "99999999999999999999",
                                      "--data",
                                      "--data=.",
                                      "--save-every=2",
                                      "=",
                                      "--=",
                                      "\xff\xfe",
                                      "--set=",
                                      "--quiet=yes",
                                      "--metrics-every"};
  std::vector<std::string> texts{"program"};
  for (size_t k = pick(6); k-- > 0;) {
    texts.push_back(words[pick(std::size(words))]);
    if (!pick(3))
      mutate(texts.back(), 0, texts.back().size());
    texts.back() = texts.back().c_str(); // arguments end at a zero
  }
  std::vector<char *> argv;
  current.clear();
  for (auto &t : texts) {
    argv.push_back(t.data());
    current += t + '\n';
  }
  int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  apical_run_options options;
  apical_run_options_init(&options);
  for (int i = 1; i < argc;) {
    apical_error error{};
    int before = i, known = apical_parse_option(argc, argv.data(), &i, &options, &error);
    if (known < 0) {
      requireMessage(error);
      return;
    }
    if (i < before || i > argc || (known > 0 && i == before))
      fail("reading a flag did not advance as it should");
    i = std::max(i, before + 1);
  }
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: apical_runtime_fuzz SECONDS SEED\n");
    return 2;
  }
  double seconds = std::atof(argv[1]);
  seed = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
  dice.seed(seed);
  for (int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGPROF})
    std::signal(signal, onSignal);
  Folder folder;
  Checkpoints checkpoints(folder);
  DataFiles data(folder);
  auto start = std::chrono::steady_clock::now();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() <
         seconds) {
    limit(10);
    ++executed;
    checkpoints.one();
    data.one();
    commandLine();
    limit(0);
  }
  struct rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("runtime_fuzz: seed %u, %lu of each; %lu checkpoints and %lu data files still valid, "
              "%ld MB at most\n",
              seed, executed, checkpoints.accepted, data.accepted, usage.ru_maxrss / 1024);
  // Both sides of each decision were seen, and nothing piles up.
  bool deep = checkpoints.accepted < executed && data.accepted > 0 && data.accepted < executed;
  return deep && usage.ru_maxrss < 1000l * 1024 ? 0 : 1;
}
