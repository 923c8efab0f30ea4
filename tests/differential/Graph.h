//===- Graph.h - random areas and connections ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_TESTS_DIFFERENTIAL_GRAPH_H
#define APICAL_TESTS_DIFFERENTIAL_GRAPH_H

#include "Library.h"
#include "Windows.h"

#include <regex>

namespace apical::test {

class Graph : public Windows {
protected:
  using Windows::Windows;

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
      model.areas.push_back({name, "source", k == 1 && chance(2) ? 1 : size(), false, ""});
      if (spatial)
        giveShape(model.areas.back(), space());
      ColumnPiece c{"x" + to_string(k), name, "", "", "", false};
      chooseFile(c, false);
      string value = c.type[0] == 'f' ? c.name : c.name + (c.type == "u8" ? " / 255" : " / 100");
      if (chance(5))
        value = "sin(" + value + ") + 0.25 * " + value;
      c.binding = name + ".rate = " + value;
      model.columns.push_back(c);
      for (const string &given : presented) {
        model.areas.back().given = given;
        give(name, given);
      }
    }
    if (model.areas.size() > 1)
      feature("several sources");
  }

  static void giveShape(AreaPiece &area, const Sizes &shape) {
    area.shape = shape;
    area.size = product(shape);
  }

  /// A column for one more value of an area, or of the network itself.
  void give(const string &area, const string &name) {
    ColumnPiece c{name + (area.empty() ? "" : "_" + area), area, "", "", "", false};
    chooseFile(c, false);
    c.binding = (area.empty() ? "" : area + ".") + name + " = " + c.name +
                (c.type[0] == 'f' ? ""
                 : c.type == "u8" ? " / 255"
                                  : " / 100");
    model.columns.push_back(c);
    feature("given " + name);
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

  /// What the rule of the model reads of the units of its areas.
  void require(const Declaration &rule) {
    needs = rule.needs();
    for (const char *every : {"rate", "drive", "target"})
      needs.erase(every);
    // What no unit has is the sources' to give.
    presented.clear();
    for (const string &name : std::set<string>(needs))
      if (unitsWith({name}, false).empty() && unitsWith({name}, true).empty()) {
        presented.insert(name);
        needs.erase(name);
      }
    wires = presented.empty() && !rule.needs().count("target");
  }

  static bool standard(const Declaration &unit) {
    return unit.inputs == std::set<string>{"drive"} && !unit.hasState();
  }
  /// The units of the library whose variables a rule wants.
  static vector<string> unitsWith(const std::set<string> &names, bool settling) {
    vector<string> result;
    for (const Declaration *u : libraryOf("unit")) {
      bool all =
          !u->inputs.empty() && u->hasState() == settling &&
          !(settling && (u->answersAtOnce() || !u->givens.empty())); // areas that feed each other
      for (const string &name : names)
        all &= u->declared.count(name) != 0;
      if (all)
        result.push_back(u->name);
    }
    return result;
  }

  string unit(bool output) {
    vector<string> known;
    for (const Declaration *u : libraryOf("unit"))
      if (standard(*u))
        known.push_back(u->name);
    string name = stateful         ? (chance(3) ? among(known) : statefulUnit())
                  : !needs.empty() ? among(unitsWith(needs, false))
                  : chance(3)      ? ownUnit()
                                   : among(known);
    if (!output && name == "softmax_unit" && chance(2))
      name = "tanh_unit";
    feature("unit " + (name.compare(0, 4, "own_") ? name : string("of the model")));
    for (const Declaration *u : libraryOf("unit"))
      for (const auto &[parameter, value] : u->parameters)
        if (u->name == name && parameter == "power")
          return name + "(power = 1.5)"; // three steps of learning must not overflow
    return name;
  }

  /// Remembers: from tick to tick, or from trial to trial.
  string statefulUnit() {
    switch (pick(0, 4)) {
    case 0: // neighbours read what the tick before left
      feature("state that is the output");
      return define("unit", "(step = " + number(0.2, 0.8) + ")",
                    "{ input drive; output state rate = 0.1; rate += step * (" +
                        expression({"drive", "rate"}, 2) + " - rate) }");
    case 1:
      feature("state behind the output");
      return define("unit", "",
                    "{ input drive; state v = 0.2; output rate = " + expression({"v"}, 2) +
                        "; v += 0.5 * (drive - v) + 0.1 * " + expression({"v", "rate"}, 1) + " }");
    case 2:
      feature("state that lasts");
      return define("unit", "",
                    "{ input drive; lasting state level = 0.3; output rate = " +
                        expression({"drive", "level"}, 2) + "; level += 0.25 * (rate^2 - level) }");
    case 3:
      feature("draws of a unit");
      return define("unit", "",
                    "{ input drive; let noise ~ " +
                        among({"normal(0, 0.2)", "uniform(-0.3, 0.3)", "bernoulli(0.5)",
                               "choice(-0.5, 0.25, 1)"}) +
                        "; output rate = " + expression({"drive", "noise"}, 2) + " }");
    default:
      feature("state before the output");
      return define("unit", "",
                    "{ input drive; state v = 0; v = 0.6 * v + 0.4 * drive; output rate = " +
                        expression({"drive", "v"}, 2) + " }");
    }
  }

  string ownUnit() {
    vector<string> seen = {"drive"};
    switch (pick(0, 8)) {
    case 7: // `context`: see addArea
      feature("unit with a given value");
      return define("unit", "",
                    "{ input drive; given context = 0.3; output rate = " +
                        expression({"drive", "context"}, 2) + " + 0.2 * context }");
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
    case 3:
    case 4:
    case 5:
    case 6: { // reductions over the area
      static const vector<string> reductions = {"sum",  "mean",    "max",       "min",    "norm",
                                                "rank", "softmax", "logsumexp", "argmax", "cumsum"};
      string f = among(reductions);
      feature("reduction " + f);
      string scaled = f == "sum" || f == "cumsum" ? "drive / size"
                      : f == "norm"               ? "(1 + abs(drive)) / size"
                                                  : "drive";
      return define(
          "unit", "",
          "{ input drive; let pool = " + f + "(" + scaled + "); output rate = " +
              expression({"drive", f == "argmax" || f == "rank" ? "tanh(pool)" : "pool"}, 2) +
              " }");
    }
    default:
      return define("unit", "", "{ input drive; output rate = " + expression(seen, 3) + " }");
    }
  }

  void addArea(const string &name, bool output) {
    AreaPiece area{name, unit(output), 1, output, ""};
    const string code = codeOf(area.unit);
    area.size = size(competes(code) ? 2 : 1);
    bool twoInputs = code.find("drive, gate") != string::npos;
    // The main source: the area before, or any for a branch.
    size_t from = name == "branch" ? size_t(pick(0, int64_t(model.areas.size()) - 1))
                                   : model.areas.size() - 1;
    if (name == "branch")
      feature("branch");
    bool narrow = chance(output ? 12 : 6);
    narrow &= model.areas[from].size > 1;
    const AreaPiece &before = model.areas[from];
    if (narrow) {
      area.size = before.size;
      area.shape = before.shape;
    } else if (!before.shape.empty() && !chance(5)) {
      Sizes shape = behind(before.shape, wires && !(output && weighted.empty()) && chance(2));
      if (product(shape) > 1 || !competes(code))
        giveShape(area, shape);
    }
    model.areas.push_back(area);
    if (code.find("given context") != string::npos && !chance(3)) { // else the default
      if (chance(3))
        model.measures.push_back(name + ".context ~ normal(0, 0.3)");
      else
        give(name, "context");
    }
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

  /// The text of a unit, of the library's or of the model's own.
  string codeOf(const string &unit) const {
    const string name = unit.substr(0, unit.find('('));
    for (const Declaration *u : libraryOf("unit"))
      if (u->name == name)
        return u->body;
    for (const string &text : model.definitions)
      if (std::regex_search(text, std::regex("^unit " + name + "\\b")))
        return text;
    return "";
  }
  /// What compares the elements of an area needs two.
  static bool competes(const string &code) {
    return std::regex_search(code, std::regex("\\b(softmax|logsumexp|argmax|rank)\\("));
  }

  string synapse() {
    if (chance(8)) {
      const Declaration &known =
          *libraryOf("synapse")[size_t(pick(0, int64_t(libraryOf("synapse").size()) - 1))];
      feature("synapse " + known.name);
      return " of " + known.name;
    }
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

  string keep() {
    if (!chance(10))
      return "";
    feature("keep");
    return " { keep w = " +
           among({"clip(w, -0.25, 0.4)", "max(w, 0)", "w / (1 + norm(w, over = pre))"}) + " }";
  }

  /// `given`: the kernel of a convolution.
  void connect(size_t from, const string &port, bool narrow, const Window *given = nullptr) {
    const AreaPiece &a = model.areas[from], &b = model.areas.back();
    string name = a.name + "_" + b.name + (port.empty() ? "" : "_gate");
    string topology = "dense", args;
    auto weightless = [&] {
      bool weightsElsewhere = !weighted.empty() || (spatial && !b.target);
      return weightsElsewhere && wires && !plain && b.name != "branch" && !chance(3);
    };
    Window window;
    if (given) {
      topology = "conv";
      window = *given;
    } else if (!plain && a.size == b.size && (narrow || chance(4)))
      topology = weightless() ? "wire" : "one_to_one";
    else if (fit(a.shape, b.shape, true, window) && weightless())
      topology = "pool";
    else if (fit(a.shape, b.shape, false, window) && !chance(6))
      topology = chance(3) ? "local" : "conv";
    else if (chance(5))
      topology = "sparse";
    bool weights = topology != "wire" && topology != "pool";
    if (topology == "pool" || topology == "conv" || topology == "local") {
      args = text(window, topology == "pool");
      note(window, a.shape, b.shape);
      if (weights)
        windowed.insert(name);
      localised |= topology == "local";
    }
    if (topology == "sparse") {
      args = someOf(a.size);
      localised = true;
    }
    if (topology == "pool") {
      string reduce = among({"max", "mean", "min", "sum"});
      feature("pool " + reduce);
      if (reduce != "max" || chance(2))
        args += ", reduce = " + reduce;
    } else {
      feature(topology);
    }
    if (weights) {
      string first = initial();
      if (chance(2)) {
        first += string(first.empty() ? "" : ", ") + "bias = true";
        feature("bias");
      }
      args += (args.empty() || first.empty() ? "" : ", ") + first;
    }
    model.connections.push_back("connect " + a.name + " -> " + b.name + port + " : " + topology +
                                (args.empty() ? "" : "(" + args + ")") +
                                (weights ? synapse() : "") + " as " + name +
                                (weights ? keep() : ""));
    if (weights)
      weighted.push_back({name, a.name, b.name});
    else
      wired.insert(b.name);
    edges.push_back({a.name, b.name});
    read.insert(a.name);
  }

  /// Some synapses from so many units.
  string someOf(int64_t units) {
    bool number = chance(2);
    feature(number ? "number of synapses" : "probability of synapses");
    return number ? "fan_in = " + to_string(pick(1, units))
                  : "p = " + among({"0.2", "0.5", "0.9", "1"});
  }

  //===--- other shapes -----------------------------------------------------===//

  /// One more pair of areas, of a family that a loop joins.
  void addFamily() {
    feature("family of areas");
    string n = to_string(pick(spatial ? 4 : 2, spatial ? 9 : 20)), topology = "dense(";
    if (spatial) {
      feature("family of convolutions");
      topology = "conv(kernel = 3, ";
      windowed.insert("f1_f2");
    }
    model.connections.push_back("area f[1..2][" + n +
                                "] : " + among({"tanh_unit", "logistic_unit"}));
    model.connections.push_back("connect in0 -> f[1] : dense");
    model.connections.push_back("for k in 1..1 { connect f[k] -> f[k + 1] : " + topology +
                                "bias = true) }");
    model.connections.push_back("connect f[2] -> " + model.areas.back().name + " : dense");
  }

  /// The last area reads itself, where its unit's state breaks the cycle.
  void addReturn() {
    const AreaPiece &last = model.areas.back();
    const string code = codeOf(last.unit);
    if (code.find("output state") != string::npos || code.find("state v = 0.2") != string::npos) {
      feature("cycle through states");
      string topology = "dense(";
      if (!last.shape.empty() && !chance(3)) {
        feature("cycle through a convolution");
        topology = "conv(kernel = 3, ";
        windowed.insert("again");
      } else if (last.size > 1 && chance(2)) {
        feature("no synapse from a unit to itself");
        localised = true;
        topology = (chance(2) ? string("dense(") : "sparse(" + someOf(last.size - 1) + ", ") +
                   "self = false, ";
      }
      model.connections.push_back("connect " + last.name + " -> " + last.name + " : " + topology +
                                  "w ~ normal(0, 0.3 / sqrt(fan_in))) as again");
      weighted.push_back({"again", last.name, last.name});
    }
  }

  /// Areas joined both ways by the same synapses, as rules that settle want them.
  void addSettling(const Declaration &rule) {
    needs = rule.needs();
    needs.erase("target");
    const string name = among(unitsWith(needs, true));
    const Declaration *unit = nullptr;
    for (const Declaration *u : libraryOf("unit"))
      if (u->name == name)
        unit = u;
    string back = unit->inputs.size() > 1 ? "." + secondInput(*unit) : "";
    feature("unit " + name);
    wires = false; // they have no weights that could conduct backwards
    int64_t layers = pick(1, 2);
    for (int64_t k = 0; k < layers; ++k) {
      AreaPiece area{"a" + to_string(k), name, size(), k + 1 == layers, ""};
      if (!model.areas.back().shape.empty())
        giveShape(area, behind(model.areas.back().shape, false));
      model.areas.push_back(area);
      connect(model.areas.size() - 2, "", false);
      const string &from = model.areas[model.areas.size() - 2].name, to = model.areas.back().name;
      if (k && windowed.count(from + "_" + to))
        feature("transposed window");
      if (k)
        model.connections.push_back(
            "connect " + to + " -> " + from + back + " : " +
            (wired.count(to) ? string("wire") : "transpose(" + from + "_" + to + ")"));
    }
    feature("transpose");
  }

  /// What is seen makes a code, and the code what is seen next: a unit that is shown something,
  /// and one that answers at once.
  void addLoop() {
    const Declaration *seen = nullptr, *code = nullptr;
    for (const Declaration *u : libraryOf("unit"))
      if (u->hasState() && u->answersAtOnce() == u->givens.empty())
        (u->answersAtOnce() ? code : seen) = u;
    model.areas.push_back({"seen", seen->name, size(), false, ""});
    model.areas.push_back({"code", code->name, size(), false, ""});
    if (spatial) {
      giveShape(model.areas[0], space());
      giveShape(model.areas[1], behind(model.areas[0].shape, false));
    }
    for (const string &given : seen->givens) {
      give("seen", given);
      shown = "seen." + given;
    }
    for (auto [from, to] : {std::pair("seen", "code"), std::pair("code", "seen")}) {
      string name = string(from) + "_" + to, topology = "dense(";
      const AreaPiece &a = model.areas[from == string("code")],
                      &b = model.areas[to == string("code")];
      if (Window window; fit(a.shape, b.shape, false, window)) {
        feature("loop of windows");
        note(window, a.shape, b.shape);
        topology = "conv(" + text(window, false) + ", ";
        windowed.insert(name);
      }
      model.connections.push_back(string("connect ") + from + " -> " + to + " : " + topology +
                                  "bias = true)" + synapse() + " as " + name);
      weighted.push_back({name, from, to});
      edges.push_back({from, to});
    }
    feature("loop");
    feature("unit " + seen->name);
    feature("unit " + code->name);
  }

  /// As the text has them: the first is the main input.
  static string secondInput(const Declaration &unit) {
    size_t at = unit.body.find(',', unit.body.find("input"));
    size_t first = unit.body.find_first_not_of(" ,", at);
    return unit.body.substr(first, unit.body.find_first_of(" ,;\n", first) - first);
  }

  /// in0 -> a0, and back to what must look like in0 through the same weights; or three areas
  /// of one size, joined twice by the same weights.
  void addShared() {
    size_t source = 0;
    bool tied = chance(2);
    int64_t n = model.areas[source].size;
    auto fitting = [&](bool output) { // of a size that is given
      string name = unit(output);
      return n > 1 || !competes(codeOf(name)) ? name : "tanh_unit";
    };
    string hidden = tied ? fitting(false) : unit(false);
    AreaPiece first{"a0", hidden, tied ? n : size(competes(codeOf(hidden)) ? 2 : 1), false, ""},
        last{"a1", fitting(true), n, true, ""};
    Window window;
    if (const Sizes from = model.areas[source].shape; !from.empty()) {
      window = anyWindow(dimensions(from));
      giveShape(first, behind(from, window, tied ? channels(from) : pick(1, 3)));
      // The same kernel moves on, over an area of another size; or back.
      giveShape(last, tied ? behind(first.shape, window, channels(from)) : from);
      for (AreaPiece *area : {&first, &last})
        if (area->size == 1 && competes(codeOf(area->unit)))
          area->unit = "tanh_unit";
      feature(tied ? "tied kernel" : "transposed window");
    }
    model.areas.push_back(first);
    plain = true;
    connect(source, "", false, tied && spatial ? &window : nullptr);
    model.areas.push_back(last);
    model.connections.push_back(string("connect a0 -> a1 : ") + (tied ? "tied" : "transpose") +
                                "(in0_a0) as back");
    edges.push_back({"a0", "a1"});
    feature(tied ? "tied" : "transpose");
  }

  bool parametric = false, stateful = false, plain = false, wires = true;
  bool spatial = false,
       localised = false;    ///< windows move over areas; some weights are no matrix of all units
  std::set<string> windowed; ///< connections of windows that have weights
  std::set<string> needs, presented; ///< by the rule that the network is made for
  struct Weighted {
    string name, from, to;
  };
  vector<Weighted> weighted;
  vector<std::pair<string, string>> edges;
  string shown;                 ///< to a loop
  std::set<string> read, wired; ///< areas that something reads, and those at the end of a wire
};

} // namespace apical::test

#endif // APICAL_TESTS_DIFFERENTIAL_GRAPH_H
