//===- Generator.cpp - random models as source text ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Generator.h"

#include <cstdio>
#include <cstring>
#include <map>
#include <random>

using namespace apical::test;
using std::string;
using std::to_string;
using std::vector;

int64_t ModelPieces::sizeOf(const string &area) const {
  for (const AreaPiece &a : areas)
    if (a.name == area)
      return a.size;
  return 1;
}

int64_t ModelPieces::widthOf(const ColumnPiece &column) const {
  return column.label ? 1 : sizeOf(column.area);
}

string ModelPieces::source(const string &folder) const {
  string text = "use std\n";
  for (const string &d : definitions)
    text += d + "\n";
  text += "data rows = table(";
  for (size_t k = 0; k < columns.size(); ++k) {
    const ColumnPiece &c = columns[k];
    text += (k ? ", " : "") + c.name + " = " + c.format + "(\"" + folder + "/" + c.name + "." +
            c.format + (c.label && c.format == "csv" ? "\", \"f0\")" : "\")");
  }
  text += ")\nnetwork net {\n";
  for (const AreaPiece &a : areas)
    text += "    area " + a.name + "[" + to_string(a.size) + "] : " + a.unit +
            (a.target ? " { given target }" : "") + "\n";
  for (auto *list : {&connections, &costs, &learns})
    for (const string &line : *list)
      text += "    " + line + "\n";
  text += "}\n";
  string body;
  for (const ColumnPiece &c : columns) {
    string binding = c.binding;
    if (size_t at = binding.find("SIZE"); at != string::npos)
      binding.replace(at, 4, to_string(sizeOf(c.area)));
    body += "    " + binding + "\n";
  }
  for (const string &m : measures)
    body += "    " + m + "\n";
  string trial = ticks > 1 ? ", trial = " + to_string(ticks) + " ticks" : "";
  for (const char *kind : {"train", "test"})
    if (kind[1] == 'r' || tests)
      text += string(kind) + " net on rows, batch = " + to_string(batch) + trial + " {\n" + body +
              "}\n";
  return text;
}

namespace {

/// Draws every choice of one model from one generator.
class Maker {
public:
  explicit Maker(uint64_t seed) : random(seed) { model.seed = seed; }

  ModelPieces make() {
    model.batch = pick(1, 9);
    model.tests = chance(6);
    if (chance(3))
      addParam();
    addSources();
    // Mostly shallow: compile time grows with the number of different kernels.
    static const int64_t depths[] = {1, 1, 1, 1, 2, 2, 2, 3, 3, 4};
    int64_t layers = depths[pick(0, 9)];
    for (int64_t k = 0; k < layers; ++k)
      addArea("a" + to_string(k), k + 1 == layers);
    if (chance(8)) // a branch
      addArea("branch", true);
    addCosts();
    addLearns();
    addMeasures();
    return std::move(model);
  }

private:
  int64_t pick(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  }
  bool chance(int64_t oneIn) { return pick(1, oneIn) == 1; }
  const string &among(const vector<string> &list) {
    return list[static_cast<size_t>(pick(0, static_cast<int64_t>(list.size()) - 1))];
  }
  void feature(const string &name) { model.features.insert(name); }
  /// A decimal number between low and high, in steps of a hundredth of the range.
  string number(double low, double high) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", low + (high - low) * double(pick(0, 100)) / 100);
    return text;
  }

  /// Mostly no multiple of a tile; now and then exactly one.
  int64_t size() {
    static const int64_t tiles[] = {1, 8, 16, 32, 48, 64};
    return chance(8) ? tiles[pick(0, 5)] : pick(1, chance(3) ? 70 : 24);
  }

  //===--- expressions ------------------------------------------------------===//

  /// Elementwise code of the variables, tame: values stay near [-3, 3] where
  /// variables do, and nothing is singular.
  string expression(const vector<string> &variables, int depth) {
    if (depth == 0 || chance(6))
      return chance(4) ? number(0.1, 1.5) : among(variables);
    auto e = [&] { return expression(variables, depth - 1); };
    auto with = [&](const char *name, const string &text) {
      feature(string("fn ") + name);
      return text;
    };
    switch (pick(0, 25)) {
    case 0:
      return "(" + e() + " + " + e() + ")";
    case 1:
      return "(" + e() + " - " + e() + ")";
    case 2:
    case 3:
      return "(" + e() + " * " + e() + ")";
    case 4:
      return with("tanh", "tanh(" + e() + ")");
    case 5:
      return with("sin", "sin(" + e() + ")");
    case 6:
      return with("cos", "cos(" + e() + ")");
    case 7:
      return with("logistic", "logistic(" + e() + ")");
    case 8:
      return with("softplus", "softplus(" + e() + ")");
    case 9:
      return with("abs", "abs(" + e() + ")");
    case 10:
      return with("max2", "max(" + e() + ", " + e() + ")");
    case 11:
      return with("min2", "min(" + e() + ", " + e() + ")");
    case 12:
      return with("divide", "(" + e() + " / (1 + " + e() + "^2))");
    case 13:
      return with("sqrt", "sqrt(1 + " + e() + "^2)");
    case 14:
      return with("log", "log(1 + " + e() + "^2)");
    case 15:
      return with("exp", "exp(-abs(" + e() + "))");
    case 16:
      return with("where", "where(" + e() + " > " + e() + ", " + e() + ", " + e() + ")");
    case 17:
      return with("clip", "clip(" + e() + ", -1, " + number(0.5, 2) + ")");
    case 18:
      return with("square", "tanh(" + e() + ")^2");
    case 19:
      return with("power", "(0.5 + " + e() + "^2)^" + number(0.2, 1.4));
    case 20:
      return with("power of variable", "(0.5 + " + e() + "^2)^(0.5 * tanh(" + e() + "))");
    case 21:
      return with("floor", "(0.1 * floor(3 * " + e() + "))");
    case 22:
      return with("sign", "(0.2 * sign(" + e() + "))");
    case 23:
      return "-" + among(variables);
    case 24:
      return with("logic", "(0.3 * (" + e() + " >= " + e() + " and not (" + e() + " < " + e() +
                               " or " + e() + " != 0.5)))");
    default:
      return with("root", "(1 + abs(" + e() + "))^0.5");
    }
  }

  string define(const string &kind, const string &signature, const string &body) {
    string name = "own_" + kind + to_string(model.definitions.size());
    model.definitions.push_back(kind + " " + name + signature + " " + body);
    feature("own " + kind);
    return name;
  }

  //===--- areas and connections --------------------------------------------===//

  void addParam() {
    model.definitions.push_back("param strength = " + number(0.2, 1.2));
    model.definitions.push_back("const quarter = 1 / 4");
    model.definitions.push_back(
        "fn squash(x, bend = 2) { let y = x / bend; return bend * tanh(y) }");
    parametric = true;
    feature("param, const, fn");
  }

  void addSources() {
    for (int64_t k = 0, n = chance(3) ? 2 : 1; k < n; ++k) {
      string name = "in" + to_string(k);
      model.areas.push_back({name, "source", size(), false});
      ColumnPiece c{"x" + to_string(k), name, "", "", "", false};
      chooseFile(c, false);
      string value = c.type[0] == 'f' ? c.name : c.name + (c.type == "u8" ? " / 255" : " / 100");
      if (chance(5))
        value = "sin(" + value + ") + 0.25 * " + value;
      c.binding = name + ".rate = " + value;
      model.columns.push_back(c);
    }
    if (model.areas.size() > 1)
      feature("several sources");
  }

  void chooseFile(ColumnPiece &c, bool whole) {
    bool single = model.widthOf(c) == 1;
    if (whole) {
      c.format = single && chance(3) ? "csv" : chance(2) ? "idx" : "npy";
      c.type = c.format == "csv" ? "i32" : among({"u8", "u8", "i16", "i32"});
    } else {
      c.format = chance(4) ? "csv" : chance(2) ? "idx" : "npy";
      c.type = c.format == "csv" ? "f64" : among({"f32", "f32", "f32", "u8", "f64", "i16"});
    }
    feature("column " + c.format + " " + c.type);
  }

  string unit(bool output) {
    static const vector<string> library = {"linear_unit", "tanh_unit",     "logistic_unit",
                                           "relu_unit",   "softplus_unit", "softmax_unit"};
    string name = chance(4) ? ownUnit() : among(library);
    if (!output && name == "softmax_unit" && chance(2))
      name = "tanh_unit";
    feature("unit " + (name.compare(0, 4, "own_") ? name : string("of the model")));
    return name;
  }

  string ownUnit() {
    vector<string> seen = {"drive"};
    switch (pick(0, 4)) {
    case 0: { // several lets
      string lets;
      for (const char *name : {"p", "q"}) {
        lets += string("let ") + name + " = " + expression(seen, 2) + "; ";
        seen.push_back(name);
      }
      return define("unit", "",
                    "{ input drive; " + lets + "output rate = " + expression(seen, 2) + " }");
    }
    case 1: // a second input
      feature("unit with two inputs");
      return define("unit", "",
                    "{ input drive, gate; output rate = " + expression({"drive", "gate"}, 3) +
                        " }");
    case 2: { // a parameter
      string name =
          define("unit", "(gain = 0.5)",
                 "{ input drive; output rate = " + expression({"drive", "gain"}, 3) + " }");
      return name + "(gain = " + number(0.3, 1.5) + ")";
    }
    case 3: { // reductions over the area
      static const vector<string> reductions = {"sum",  "mean",    "max",       "min",
                                                "norm", "softmax", "logsumexp", "argmax"};
      string f = among(reductions);
      feature("reduction " + f);
      string scaled = f == "sum"    ? "drive / size"
                      : f == "norm" ? "(1 + abs(drive)) / size"
                                    : "drive";
      return define("unit", "",
                    "{ input drive; let pool = " + f + "(" + scaled + "); output rate = " +
                        expression({"drive", f == "argmax" ? "tanh(pool)" : "pool"}, 2) + " }");
    }
    default:
      return define("unit", "", "{ input drive; output rate = " + expression(seen, 3) + " }");
    }
  }

  void addArea(const string &name, bool output) {
    AreaPiece area{name, unit(output), size(), output};
    bool twoInputs = area.unit.compare(0, 4, "own_") == 0 && hasGate(area.unit);
    // The main source: the area before, or any for a branch.
    size_t from = name == "branch" ? size_t(pick(0, int64_t(model.areas.size()) - 1))
                                   : model.areas.size() - 1;
    if (name == "branch")
      feature("branch");
    bool narrow = !output && chance(6);
    if (narrow)
      area.size = model.areas[from].size;
    model.areas.push_back(area);
    connect(from, "", narrow);
    if (twoInputs)
      connect(size_t(pick(0, int64_t(model.areas.size()) - 2)), ".gate", false);
    // Sources that nothing reads yet, and skips.
    for (size_t k = 0; k + 1 < model.areas.size(); ++k) {
      bool unread = model.areas[k].unit == "source" && !read.count(model.areas[k].name);
      if (k == from || (!(unread && chance(2)) && !chance(7)))
        continue;
      feature(unread ? "second source" : "skip connection");
      connect(k, "", false);
    }
  }

  bool hasGate(const string &unit) {
    for (const string &d : model.definitions)
      if (d.find("unit " + unit + " {") == 0)
        return d.find("drive, gate") != string::npos;
    return false;
  }

  string synapse() {
    if (!chance(6))
      return "";
    string name = define("synapse", "",
                         "{ weight w; post += " + expression({"pre", "w"}, 2) + " * w * pre }");
    if (chance(3)) {
      name = define("synapse", "",
                    "{ weight w; weight g ~ normal(0.5, 0.2); let t = tanh(pre * g); "
                    "post += w * t }");
      feature("synapse with two weights");
    }
    return " of " + name;
  }

  string initial() {
    switch (pick(0, 5)) {
    case 0:
      feature("init normal");
      return "w ~ normal(0, " + number(0.2, 0.8) + " / sqrt(fan_in))";
    case 1:
      feature("init uniform");
      return "w ~ uniform(-" + number(0.2, 0.9) + ", 0.5) / sqrt(fan_in + fan_out)";
    case 2:
      feature("init constant");
      return "w = " + number(-0.4, 0.4) + " / fan_in";
    default:
      return "";
    }
  }

  void connect(size_t from, const string &port, bool narrow) {
    const AreaPiece &a = model.areas[from], &b = model.areas.back();
    string topology = "dense";
    if (a.size == b.size && (narrow || chance(4)))
      topology = weighted.empty() || chance(2) ? "one_to_one" : "wire";
    feature(topology);
    string name = a.name + "_" + b.name + (port.empty() ? "" : "_gate"), args;
    if (topology != "wire") {
      args = initial();
      if (chance(2)) {
        args += string(args.empty() ? "" : ", ") + "bias = true";
        feature("bias");
      }
    }
    model.connections.push_back("connect " + a.name + " -> " + b.name + port + " : " + topology +
                                (args.empty() ? "" : "(" + args + ")") +
                                (topology == "wire" ? "" : synapse()) + " as " + name);
    if (topology != "wire")
      weighted.push_back({name, a.name, b.name});
    edges.push_back({a.name, b.name});
    read.insert(a.name);
  }

  //===--- costs ------------------------------------------------------------===//

  struct Cost {
    string name;
    std::set<string> reach; ///< areas that it depends on
  };

  void addCosts() {
    for (size_t k = 0; k < model.areas.size(); ++k)
      if (model.areas[k].target)
        addCost(model.areas[k]);
    if (chance(6)) { // a cost of activity
      std::vector<size_t> hidden;
      for (size_t k = 0; k < model.areas.size(); ++k)
        if (model.areas[k].unit != "source")
          hidden.push_back(k);
      const AreaPiece &a = model.areas[hidden[size_t(pick(0, int64_t(hidden.size()) - 1))]];
      static const vector<string> kinds = {"mean", "sum", "max", "min", "norm", "logsumexp"};
      string f = among(kinds);
      feature("cost reduction " + f);
      push(a, "effort", "0.1 * " + f + "((" + a.name + ".rate - 0.2)^2 + 0.01)");
    }
  }

  void push(const AreaPiece &a, const string &name, const string &expression) {
    model.costs.push_back("cost " + name + " = " + expression);
    Cost c{name, {a.name}};
    for (bool grows = true; grows;) {
      grows = false;
      for (auto &[from, to] : edges)
        if (c.reach.count(to) && c.reach.insert(from).second)
          grows = true;
    }
    costs.push_back(c);
  }

  void addCost(const AreaPiece &a) {
    string rate = a.name + ".rate", target = a.name + ".target", text;
    bool labels = false, classes = a.size > 1;
    string kind;
    if (a.unit == "softmax_unit") {
      kind = "cross_entropy";
      text = "cross_entropy(" + a.name + ".log_p, " + target + ")";
      labels = classes && !chance(3);
    } else {
      static const vector<string> kinds = {"mse",      "squared_error", "logistic_loss",
                                           "own mean", "own max",       "own logsumexp",
                                           "own norm", "own softmax"};
      kind = among(kinds);
      string error = "(" + rate + " - " + target + ")";
      labels = classes && chance(3);
      if (kind == "mse" || kind == "squared_error")
        text = kind + "(" + rate + ", " + target + ")" +
               (kind == "mse" ? "" : " / " + to_string(a.size));
      else if (kind == "logistic_loss")
        text = "mean(logistic_loss(" + a.name + ".drive, " + target + "))";
      else if (kind == "own mean")
        text = "mean(" + expression({error, rate}, 3) + " + " + error + "^2)";
      else if (kind == "own max")
        text = "max(" + error + "^2) - 0.5 * min(" + rate + ")";
      else if (kind == "own logsumexp")
        text =
            "logsumexp(" + rate + ") - sum(" + rate + " * " + target + ") / " + to_string(a.size);
      else if (kind == "own norm")
        text = "norm(1 + " + error + "^2)";
      else
        text = "sum(softmax(" + rate + ") * " + target + ")";
    }
    if (parametric && chance(2))
      text = "strength * squash(" + text + ", bend = 4)";
    feature("cost " + kind);
    ColumnPiece c{"t_" + a.name, a.name, "", "", "", labels};
    chooseFile(c, labels);
    string scale = c.type[0] == 'f' ? "" : c.type == "u8" ? " / 255" : " / 100";
    c.binding = a.name + ".target = " + (labels ? "one_hot(" + c.name + ", SIZE)" : c.name + scale);
    model.columns.push_back(c);
    if (labels) {
      labelled.push_back({a.name, c.name});
      feature("labels");
    }
    push(a, "c_" + a.name, text);
  }

  //===--- learning ---------------------------------------------------------===//

  void addLearns() {
    for (size_t k = 0; k < costs.size(); ++k)
      addLearn(costs[k]);
    if (chance(8)) {
      feature("two lines for one cost");
      addLearn(costs[0]);
    }
    if (chance(8))
      addHebbian();
  }

  /// `in` and `through`: lists of connections that the cost depends on.
  string scope(const Cost &cost) {
    vector<string> in, through;
    for (auto &[name, from, to] : weighted)
      if (cost.reach.count(to))
        (chance(3) ? through : in).push_back(name);
    if (in.empty())
      return "";
    auto list = [](const char *word, const vector<string> &names) {
      string text;
      for (const string &name : names)
        text += (text.empty() ? string(" ") + word + " " : ", ") + name;
      return text;
    };
    feature("in");
    if (!through.empty() && chance(2)) {
      feature("through");
      return list("in", in) + list("through", through);
    }
    return list("in", in);
  }

  void addLearn(const Cost &cost) {
    static const vector<string> library = {"backprop", "weight_transport", "feedback_alignment",
                                           "direct_feedback_alignment", "frozen"};
    string rule = chance(4) ? ownRule() : among(library);
    feature("rule " + (rule.compare(0, 4, "own_") ? rule : string("of the model")));
    string line = "learn " + cost.name;
    // With some connections left out, `frozen` may find none to change.
    if (rule != "frozen" && chance(4))
      line += scope(cost);
    line += " by " + rule + "() with " + optimizer();
    if (chance(6)) {
      for (auto &[name, from, to] : weighted)
        if (rule != "frozen" && line.find(" in ") == string::npos && cost.reach.count(to)) {
          line += ", " + name + ": " + optimizer();
          feature("optimizer of one connection");
          break;
        }
    }
    line += condition();
    if (chance(3))
      line += " as l" + to_string(model.learns.size());
    model.learns.push_back(line);
  }

  string condition() {
    if (!chance(5))
      return "";
    feature("while");
    return " while " + among({"epoch >= 1", "trial < 2", "epoch < 1 and trial != 1"});
  }

  string ownRule() {
    switch (pick(0, 5)) {
    case 0:
      return define("rule", "(C: cost) : nonlocal",
                    "{ each weight p { p.grad += grad(C, p) + 0.05 * " + expression({"p"}, 2) +
                        " } }");
    case 1:
      return define("rule", "(C: cost) : feedback",
                    "{ each connection { weight B ~ uniform(-0.5, 0.5); error(pre) += B * "
                    "tanh(error(post)); w.grad += error(post) * pre } }");
    case 2:
      return define("rule", "(C: cost) : nonlocal",
                    "{ each connection { error(pre) += sign(w) * error(post); w.grad += "
                    "error(post) * " +
                        expression({"pre", "w"}, 2) + " } }");
    case 3:
      feature("reduction in a rule");
      return define("rule", "(C: cost) : nonlocal",
                    "{ each connection { error(pre) += w * error(post); w.grad += error(post) * "
                    "pre; w.grad += 0.01 * (w - mean(w, over = " +
                        among({"pre", "post"}) + ")) } }");
    case 4:
      feature("stop");
      return define("rule", "(C: cost) : nonlocal",
                    "{ each weight p { p.grad += grad(C * stop(C), p) } }");
    default:
      feature("to, from, between");
      return define("rule", "(C: cost) : nonlocal",
                    "{ each connection { error(pre) += w * error(post) }\n each connection to "
                    "areas { w.grad += error(post) * pre }\n each connection between areas { "
                    "w.grad += 0.1 * w } }");
    }
  }

  void addHebbian() {
    feature("rule without cost");
    string change = chance(2) ? "0.01 * pre * post"
                              : "0.01 * post * (pre - post * w) + 0.001 * " +
                                    expression({"pre", "post", "w"}, 2);
    string rule = define("rule", "() : local", "{ w += " + change + " }");
    model.learns.push_back("learn by " + rule + "()" + condition());
  }

  string optimizer() {
    string rate = number(0.01, 0.3);
    if (chance(6)) {
      rate = rate + " * 0.5^epoch";
      feature("rate by epoch");
    } else if (parametric && chance(2)) {
      rate = rate + " * strength * quarter";
    }
    switch (pick(0, 7)) {
    case 0:
      feature("optimizer sgd");
      return "sgd(" + rate + ")";
    case 1:
      feature("optimizer sgd momentum");
      return "sgd(" + rate + ", momentum = 0.9)";
    case 2:
      feature("optimizer sgd decay");
      return "sgd(" + rate + ", decay = 0.01, momentum = 0.5)";
    case 3:
      feature("optimizer adam");
      return "adam(0.01)";
    case 4:
      feature("optimizer adam options");
      return "adam(rate = 0.02, b1 = 0.8, b2 = 0.95, eps = 1e-4)";
    case 5:
      feature("optimizer rmsprop");
      return "rmsprop(0.01)";
    case 6:
      feature("optimizer rmsprop options");
      return "rmsprop(0.01, decay = 0.8, eps = 1e-3)";
    default: {
      feature("optimizer of the model");
      string name =
          define("optimizer", "(rate)",
                 "{ state m = 0, n = 0.1; let g = clip(grad, -0.5, 0.5); m = 0.7 * m + g; "
                 "n += 0.1 * abs(g); w -= rate * m / (1 + n) * (1 - 0.5^updates) + 0.001 "
                 "* " +
                     expression({"w", "grad"}, 2) + " }");
      return name + "(" + rate + ")";
    }
    }
  }

  void addMeasures() {
    for (auto &[area, column] : labelled) {
      model.measures.push_back("measure hit_" + area + " = argmax(" + area + ".rate) == " + column);
      feature("measure argmax");
    }
    if (chance(2)) {
      static const vector<string> kinds = {"sum", "mean", "max", "min", "norm", "logsumexp"};
      string f = among(kinds);
      feature("measure " + f);
      model.measures.push_back("measure m = " + f + "(" + model.areas.back().name + ".rate)");
    }
  }

  ModelPieces model;
  std::mt19937_64 random;
  bool parametric = false;
  struct Weighted {
    string name, from, to;
  };
  vector<Weighted> weighted;
  vector<std::pair<string, string>> edges, labelled;
  std::set<string> read;
  vector<Cost> costs;
};

//===----------------------------------------------------------------------===//
// Data files
//===----------------------------------------------------------------------===//

/// Appends the bytes of a number; IDX wants the greatest first.
template <typename T> void put(string &out, T value, bool bigEndian) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  if (bigEndian)
    for (size_t i = 0; i < sizeof(T) / 2; ++i)
      std::swap(bytes[i], bytes[sizeof(T) - 1 - i]);
  out.append(bytes, sizeof(T));
}

void putNumber(string &out, const string &type, double v, bool bigEndian) {
  if (type == "f32")
    put(out, static_cast<float>(v), bigEndian);
  else if (type == "f64")
    put(out, v, bigEndian);
  else if (type == "u8")
    put(out, static_cast<uint8_t>(v), bigEndian);
  else if (type == "i16")
    put(out, static_cast<int16_t>(v), bigEndian);
  else
    put(out, static_cast<int32_t>(v), bigEndian);
}

} // namespace

ModelPieces apical::test::generateModel(uint64_t seed) { return Maker(seed).make(); }

bool apical::test::writeColumn(const ModelPieces &model, const ColumnPiece &column, int64_t rows,
                               const string &folder) {
  uint64_t stream = model.seed;
  for (char c : column.name)
    stream = stream * 31 + static_cast<unsigned char>(c);
  std::mt19937_64 random(stream);
  int64_t width = model.widthOf(column), limit = model.sizeOf(column.area);
  auto draw = [&]() -> double {
    if (column.label)
      return static_cast<double>(random() % static_cast<uint64_t>(limit));
    if (column.type == "u8")
      return static_cast<double>(random() % 256);
    if (column.type[0] == 'i')
      return static_cast<double>(random() % 301) - 150;
    double v = static_cast<double>(random() >> 11) * 0x1p-53 * 3 - 1.5;
    // Half of the zeros of real data are exact.
    return random() % 8 ? v : 0;
  };
  string bytes, shape = "(" + to_string(rows) + (width > 1 ? ", " + to_string(width) : ",") + ")";
  if (column.format == "npy") {
    static const std::map<string, string> names = {
        {"f32", "<f4"}, {"f64", "<f8"}, {"u8", "|u1"}, {"i16", "<i2"}, {"i32", "<i4"}};
    string header = "{'descr': '" + names.at(column.type) +
                    "', 'fortran_order': False, 'shape': " + shape + ", }";
    header.resize((10 + header.size()) / 64 * 64 + 64 - 10 - 1, ' ');
    header += '\n';
    bytes = string("\x93NUMPY\x01\x00", 8);
    put(bytes, static_cast<uint16_t>(header.size()), false);
    bytes += header;
  } else if (column.format == "idx") {
    static const std::map<string, char> codes = {
        {"u8", 8}, {"i16", 11}, {"i32", 12}, {"f32", 13}, {"f64", 14}};
    bytes = string("\0\0", 2) + codes.at(column.type) + (width > 1 ? '\2' : '\1');
    put(bytes, static_cast<uint32_t>(rows), true);
    if (width > 1)
      put(bytes, static_cast<uint32_t>(width), true);
  }
  if (column.format == "csv")
    for (int64_t k = 0; k < width; ++k)
      bytes += (k ? "," : "") + string("f") + to_string(k) + (k + 1 == width ? "\n" : "");
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t k = 0; k < width; ++k) {
      double v = draw();
      if (column.format == "csv") {
        char text[40];
        std::snprintf(text, sizeof text, "%.9g%s", v, k + 1 == width ? "\n" : ",");
        bytes += text;
      } else {
        putNumber(bytes, column.type, v, column.format == "idx");
      }
    }
  string path = folder + "/" + column.name + "." + column.format;
  std::FILE *file = std::fopen(path.c_str(), "wb");
  if (!file)
    return false;
  bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  return std::fclose(file) == 0 && written;
}
