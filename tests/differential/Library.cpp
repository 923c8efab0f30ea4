//===- Library.cpp - what std/ declares, read from its text ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Library.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

using namespace apical::test;
using std::string;

namespace {

string readFile(const std::filesystem::path &path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Position of the bracket that closes the one at `open`.
size_t closing(const string &text, size_t open) {
  int depth = 0;
  for (size_t at = open; at < text.size(); ++at) {
    if (text[at] == '(' || text[at] == '{')
      ++depth;
    else if ((text[at] == ')' || text[at] == '}') && --depth == 0)
      return at;
  }
  return text.size();
}

string trimmed(const string &text) {
  size_t first = text.find_first_not_of(" \n"), last = text.find_last_not_of(" \n");
  return first == string::npos ? "" : text.substr(first, last - first + 1);
}

std::vector<std::pair<string, string>> parametersOf(const string &list) {
  std::vector<std::pair<string, string>> result;
  size_t from = 0;
  int depth = 0;
  for (size_t at = 0; at <= list.size(); ++at) {
    if (at < list.size() && list[at] == '(')
      ++depth;
    if (at < list.size() && list[at] == ')')
      --depth;
    if (at < list.size() && (list[at] != ',' || depth))
      continue;
    string one = list.substr(from, at - from);
    from = at + 1;
    if (trimmed(one).empty())
      continue;
    size_t equals = one.find('=');
    string name = trimmed(one.substr(0, std::min(one.find_first_of(":="), one.size())));
    result.push_back({name, equals == string::npos ? "" : trimmed(one.substr(equals + 1))});
  }
  return result;
}

/// What a declaration at `at` names: `m = 0, v ~ normal(0, 1)` names two.
std::set<string> namesFrom(const string &text, size_t at) {
  std::set<string> result;
  for (bool more = true; more;) {
    size_t first = text.find_first_not_of(' ', at);
    size_t last = first;
    while (last < text.size() && (std::isalnum(text[last]) || text[last] == '_'))
      ++last;
    result.insert(text.substr(first, last - first));
    int depth = 0;
    for (at = last; at < text.size(); ++at) {
      depth += (text[at] == '(') - (text[at] == ')');
      if (depth < 0 || (depth == 0 && string(",\n;{}").find(text[at]) != string::npos))
        break;
    }
    more = at < text.size() && text[at++] == ',';
  }
  return result;
}

std::vector<Declaration> read() {
  std::vector<std::filesystem::path> files;
  for (const auto &entry : std::filesystem::directory_iterator(APICAL_STD))
    if (entry.path().extension() == ".apical")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Declaration> result;
  for (const auto &path : files) {
    // Without comments and messages, whose words are no code.
    string text = std::regex_replace(readFile(path), std::regex("//[^\n]*|\"[^\"\n]*\""), "");
    static const std::regex start("(^|\n)(rule|optimizer|unit|synapse)[ ]+(\\w+)");
    for (std::sregex_iterator at(text.begin(), text.end(), start), end; at != end; ++at) {
      Declaration d;
      d.kind = (*at)[2];
      d.name = (*at)[3];
      size_t after = static_cast<size_t>(at->position() + at->length());
      size_t brace = text.find_first_of("({", after);
      if (brace != string::npos && text[brace] == '(') {
        size_t close = closing(text, brace);
        d.parameters = parametersOf(text.substr(brace + 1, close - brace - 1));
        brace = text.find('{', close);
      }
      string head = text.substr(after, brace - after);
      d.population =
          std::regex_search(head, std::regex(":[^()]*\\b(population|nonlocal)\\b[^()]*$"));
      size_t close = closing(text, brace);
      d.body = text.substr(brace + 1, close - brace - 1);
      for (const auto &[name, value] : d.parameters)
        d.declared.insert(name);
      static const std::regex words("\\b(input|given|let|state|weight|output|common)[ ]+(?=\\w)");
      string body = std::regex_replace(
          d.body, std::regex("\\b(shared|lasting|item|output)[ ]+(?=state|given)"), "");
      for (std::sregex_iterator n(body.begin(), body.end(), words); n != end; ++n) {
        std::set<string> found = namesFrom(body, static_cast<size_t>(n->position() + n->length()));
        d.declared.insert(found.begin(), found.end());
        if ((*n)[1] == "input")
          d.inputs.insert(found.begin(), found.end());
        if ((*n)[1] == "given")
          d.givens.insert(found.begin(), found.end());
      }
      result.push_back(std::move(d));
    }
  }
  return result;
}

} // namespace

bool Declaration::answersAtOnce() const {
  std::smatch output;
  if (!std::regex_search(body, output, std::regex("\\boutput\\s+\\w+\\s*=([^\n;]*)")))
    return false;
  const string read = output[1];
  return std::any_of(inputs.begin(), inputs.end(), [&](const string &input) {
    return std::regex_search(read, std::regex("\\b" + input + "\\b"));
  });
}

bool Declaration::has(const string &word) const {
  return std::regex_search(body, std::regex("\\b" + word + "\\b"));
}

std::set<string> Declaration::needs() const {
  static const std::regex member("\\b(\\w+)\\.(\\w+)\\b");
  std::set<string> result;
  for (std::sregex_iterator at(body.begin(), body.end(), member), end; at != end; ++at) {
    string owner = (*at)[1], name = (*at)[2];
    bool number = owner.find_first_not_of("0123456789") == string::npos;
    if (!number && name != "grad" && name != "w" && !declared.count(name))
      result.insert(name);
  }
  return result;
}

bool Declaration::settles() const {
  static const std::regex run("\\brun[ ]+(?!with\\b|until\\b)\\w");
  return std::regex_search(body, run) && !callsUnits();
}

bool Declaration::callsUnits() const {
  return std::regex_search(body, std::regex("\\b\\w+\\.\\w+\\("));
}

bool Declaration::wantsChain() const {
  return std::regex_search(body, std::regex("\\blinks\\(\\w+, areas\\) == 1"));
}

bool Declaration::wantsLoop() const {
  return std::regex_search(
      body, std::regex("each connection\\s*\\{\\s*assume\\(links\\(post, pre\\) > 0"));
}

bool Declaration::addsInRuns() const {
  return std::regex_search(body, std::regex("\\bwith each connection [^}]*\\bw\\.grad"));
}

bool Declaration::pushesUnits() const {
  return std::regex_search(body, std::regex("\\beach area [^}]*\\bpush\\("));
}

bool Declaration::pushesWeights() const {
  return std::regex_search(body, std::regex("\\beach connection [^}]*\\bpush\\("));
}

bool Declaration::allowsWindows() const {
  return !triesSynapses() && !std::regex_search(body, std::regex("\\bover = post\\b"));
}

bool Declaration::wantsMatrices() const {
  return std::regex_search(body, std::regex("~ orthogonal\\("));
}

bool Declaration::hasState() const {
  return std::regex_search(std::regex_replace(body, std::regex("\\blasting[ ]+state"), ""),
                           std::regex("\\bstate\\b"));
}

const std::vector<Declaration> &apical::test::library() {
  static const std::vector<Declaration> all = read();
  return all;
}

std::vector<const Declaration *> apical::test::libraryOf(const string &kind) {
  std::vector<const Declaration *> result;
  for (const Declaration &d : library())
    if (d.kind == kind)
      result.push_back(&d);
  return result;
}
