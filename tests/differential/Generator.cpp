//===- Generator.cpp - random models as source text ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Generator.h"
#include "OwnRules.h"

#include <regex>

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

static string sizesOf(const AreaPiece &area) {
  string text;
  for (int64_t n : area.shape)
    text += (text.empty() ? "" : ", ") + to_string(n);
  return text.empty() ? to_string(area.size) : text;
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
    text += "    area " + a.name + "[" + sizesOf(a) + "] : " + a.unit +
            (a.target          ? " { given target }"
             : a.given.empty() ? ""
                               : " { given " + a.given + " }") +
            "\n";
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

/// Costs and learning, on top of the areas and connections.
class Maker : public OwnRules {
public:
  explicit Maker(uint64_t seed) : OwnRules(seed) {}

  ModelPieces make() {
    model.batch = pick(1, 9);
    model.tests = chance(12);
    if (chance(4))
      addParam();
    // Mostly shallow: compile time grows with the number of different kernels.
    int64_t kind = pick(0, 19);
    if (kind < 3 && chance(6)) {
      scheme = chance(3) ? exact() : looping();
      model.ticks = pick(1, 3);
      spatial = chance(2);
      addLoop();
    } else if (kind < 3) {
      settle();
    } else if (kind < 6) {
      stateful = true;
      model.ticks = pick(1, 3);
      feature(model.ticks > 1 ? "several ticks" : "states in one tick");
      spatial = chance(4);
      addSources();
      addArea("a0", true);
      addReturn();
    } else if (kind < 8) {
      scheme = exact();
      spatial = chance(2);
      addSources();
      addShared();
    } else {
      chooseScheme();
      spatial = chance(4) && (!scheme || scheme->allowsWindows());
      addSources();
      static const int64_t depths[] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 3};
      int64_t layers = depths[spatial ? pick(4, 9) : pick(0, 9)];
      for (int64_t k = 0; k < layers; ++k)
        addArea("a" + to_string(k), k + 1 == layers);
      if (needs.empty() && chance(16)) { // a branch
        addArea("branch", true);
      } else if (!scheme && chance(16)) {
        addFamily();
      }
    }
    addCosts();
    addLearns();
    keepAsRulesAllow();
    addMeasures();
    return std::move(model);
  }

private:
  /// A `keep` that reads other synapses is `population`, and so must be every rule whose changes it sees.
  void keepAsRulesAllow() {
    auto allows = [&](const string &line) {
      std::smatch by;
      if (!std::regex_search(line, by, std::regex("\\bby (\\w+)")))
        return false;
      for (const Declaration *d : libraryOf("rule"))
        if (d->name == by[1])
          return d->population;
      for (const string &text : model.definitions)
        if (text.find("rule " + string(by[1]) + "(") == 0)
          return std::regex_search(text.substr(0, text.find('{')),
                                   std::regex("\\b(population|nonlocal)\\b"));
      return false;
    };
    if (std::all_of(model.learns.begin(), model.learns.end(), allows))
      return;
    const string normalised = "w / (1 + norm(w, over = pre))";
    for (string &connection : model.connections)
      if (size_t at = connection.find(normalised); at != string::npos)
        connection.replace(at, normalised.size(), "clip(w, -0.25, 0.4)");
  }

  void settle() {
    vector<const Declaration *> all = schemes(true), fitting;
    for (const Declaration *r : all) {
      std::set<string> wants = r->needs();
      wants.erase("target");
      if (!unitsWith(wants, true).empty())
        fitting.push_back(r);
    }
    scheme = fitting[size_t(pick(0, int64_t(fitting.size()) - 1))];
    model.ticks = pick(1, 3);
    spatial = chance(3);
    addSources();
    addSettling(*scheme);
  }

  /// Rules for two areas that feed each other.
  const Declaration *looping() {
    vector<const Declaration *> fitting;
    for (const Declaration *r : libraryOf("rule"))
      if (r->wantsLoop())
        fitting.push_back(r);
    return fitting[size_t(pick(0, int64_t(fitting.size()) - 1))];
  }

  const Declaration *exact() {
    for (const Declaration *r : schemes(false))
      if (r->has("grad\\(C"))
        return r;
    return nullptr;
  }

  /// Now and then the whole network is made for one rule of the library: those
  /// without a cost, or whose units must have certain variables.
  void chooseScheme() {
    if (!chance(5))
      return;
    vector<const Declaration *> special;
    for (const Declaration *r : libraryOf("rule")) {
      require(*r);
      if (!r->settles() && (!r->takesCost() || !needs.empty() || r->triesSynapses()) &&
          (needs.empty() || !unitsWith(needs, false).empty()))
        special.push_back(r);
    }
    needs.clear();
    scheme = special[size_t(pick(0, int64_t(special.size()) - 1))];
    require(*scheme);
    if (scheme->triesSynapses()) // the interpreter presents the network once for each
      largest = 9;
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
    if (costs.empty())
      addReconstruction();
    bool targets = scheme && scheme->needs().count("target"); // of every area with a cost
    if (!targets && chance(6)) {                              // a cost of activity
      std::vector<size_t> hidden;
      for (size_t k = 0; k < model.areas.size(); ++k)
        if (model.areas[k].unit != "source" && hasWeights(reachOf(model.areas[k].name)))
          hidden.push_back(k);
      if (hidden.empty())
        return;
      const AreaPiece &a = model.areas[hidden[size_t(pick(0, int64_t(hidden.size()) - 1))]];
      static const vector<string> kinds = {"mean", "sum", "max", "min", "norm", "logsumexp"};
      string f = among(kinds);
      if (f == "logsumexp" && a.size == 1)
        f = "mean";
      feature("cost reduction " + f);
      push(a, "effort", "0.1 * " + f + "((" + a.name + ".rate - 0.2)^2 + 0.01)");
    }
  }

  /// Of what the first area of a loop was shown.
  void addReconstruction() {
    push(model.areas.front(), "c_seen",
         chance(2) ? "mean(logistic_loss(seen.drive, " + shown + "))"
                   : "mse(seen.rate, " + shown + ") + 0.1 * norm(1 + code.rate^2)");
  }

  void push(const AreaPiece &a, const string &name, const string &expression) {
    model.costs.push_back("cost " + name + " = " + expression);
    costs.push_back({name, reachOf(a.name)});
  }

  /// An area and those before it.
  std::set<string> reachOf(const string &area) const {
    std::set<string> reach{area};
    for (bool grows = true; grows;) {
      grows = false;
      for (auto &[from, to] : edges)
        grows |= reach.count(to) && reach.insert(from).second;
    }
    return reach;
  }
  bool hasWeights(const std::set<string> &reach) const {
    return std::any_of(weighted.begin(), weighted.end(),
                       [&](const Weighted &w) { return reach.count(w.to) != 0; });
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
      if (kind == "logistic_loss" && scheme && scheme->settles())
        kind = "mse"; // what the rule nudges may not depend on its own nudge
      if (!classes && (kind == "own logsumexp" || kind == "own softmax"))
        kind = "own mean"; // one unit competes with none
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
    if (model.ticks > 1 && chance(3)) {
      text = "last * " + text;
      feature("cost of the last tick");
    }
    if (parametric && chance(2))
      text = "strength * squash(" + text + ", bend = 4)";
    if (chance(10)) {
      if (!focused) {
        model.connections.push_back("given focus = 1");
        give("", "focus");
      }
      focused = true;
      text = "(1 + focus^2) * " + text;
    }
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
    if (!scheme && chance(8)) {
      feature("two lines for one cost");
      addLearn(costs[0]);
    }
    if (scheme && !scheme->takesCost())
      addPlasticity(scheme->name + arguments(*scheme));
    else if (model.ticks == 1 && chance(8)) // no plain rule yet in trials of several ticks
      addHebbian();
  }

  /// Rules of the library that learn from a cost; `settling` as they need. Networks here have inputs, to which nothing
  /// returns.
  static vector<const Declaration *> schemes(bool settling) {
    vector<const Declaration *> result;
    for (const Declaration *r : libraryOf("rule"))
      if (r->takesCost() && r->settles() == settling && !r->wantsLoop())
        result.push_back(r);
    return result;
  }

  /// What must be given, and what is better given than left: short runs, noise that single
  /// precision can see.
  string arguments(const Declaration &d) {
    string text;
    for (const auto &[name, value] : d.parameters) {
      string argument;
      bool length =
          d.kind == "rule" && std::regex_search(d.body, std::regex("\\brun[ ]+" + name + "\\b"));
      if (name == "C")
        continue;
      if (length)
        argument = to_string(pick(2, 4));
      else if (name == "sigma" || (name == "eps" && d.takesCost()))
        argument = number(0.1, 0.5);
      else if (name == "tolerance")
        argument = among({"1e-6", "0.05", "0.2"});
      else if (name == "eta") // plasticity without a cost has nothing that holds it back
        argument = number(0.001, 0.02);
      else if (value.empty() || (name == "rate" && chance(2)))
        argument = learningRate(0.2);
      if (!argument.empty())
        text += (text.empty() ? "" : ", ") + name + " = " + argument;
    }
    return "(" + text + ")";
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

  /// Some unit has a state of any kind.
  bool remembers() {
    return std::any_of(model.areas.begin(), model.areas.end(), [&](const AreaPiece &area) {
      return std::regex_search(codeOf(area.unit), std::regex("\\bstate\\b"));
    });
  }

  /// Some connections have the same weights, or two for each synapse.
  bool sharesOrSplitsWeights() {
    auto some = [](const vector<string> &texts, const char *what) {
      return std::any_of(texts.begin(), texts.end(),
                         [&](const string &text) { return text.find(what) != string::npos; });
    };
    return some(model.connections, ": tied(") || some(model.definitions, "weight g ~");
  }

  /// No area on the way to the cost feeds two others.
  bool chained(const Cost &cost) const {
    std::set<string> feeding;
    for (auto &[from, to] : edges)
      if (cost.reach.count(to) && from.find("in") != 0 && !feeding.insert(from).second)
        return false;
    return true;
  }

  void addLearn(const Cost &cost) {
    // All lines must leave the same behind in what lasts: phases with noise do not.
    bool lasting = remembers();
    if (lasting && phased)
      return;
    bool unphased = lasting && !model.learns.empty();
    const Declaration *known = scheme && scheme->takesCost() ? scheme : nullptr;
    if (!known && !chance(4)) {
      vector<const Declaration *> fitting;
      for (const Declaration *r : schemes(false)) {
        std::set<string> wants = r->needs();
        for (const char *every : {"rate", "drive", "target"})
          wants.erase(every);
        // The outputs of a rule that reads targets are areas that receive weights.
        bool shows = !r->needs().count("target") ||
                     std::any_of(weighted.begin(), weighted.end(),
                                 [&](const Weighted &w) { return "c_" + w.to == cost.name; });
        if ((r->wantsChain() && !chained(cost)) || (unphased && r->has("\\bphase\\b")))
          continue;
        if ((r->pushesUnits() && !wired.empty()) || (r->pushesWeights() && sharesOrSplitsWeights()))
          continue;
        if ((!windowed.empty() && !r->allowsWindows()) || (localised && r->wantsMatrices()))
          continue;
        if (wants.empty() && shows && !r->triesSynapses() && (!stateful || r->has("grad\\(C")) &&
            !(r->callsUnits() && remembers()))
          fitting.push_back(r);
      }
      known = fitting[size_t(pick(0, int64_t(fitting.size()) - 1))];
    }
    string rule = known                    ? known->name
                  : stateful               ? ownGradient()
                  : chance(2) && !unphased ? ownPhases()
                                           : ownRule();
    phased |=
        known ? known->has("\\bphase\\b") : model.definitions.back().find("phase ") != string::npos;
    feature("rule " + (known ? rule : string("of the model")));
    string line = "learn " + cost.name;
    bool outputsOnly =
        rule == "frozen" || (!known && model.definitions.back().find(" to output") != string::npos);
    // With some connections left out, a rule for those to outputs may find none to change.
    if (!outputsOnly && !(known && known->settles()) && chance(4))
      line += scope(cost);
    line += " by " + rule + (known ? arguments(*known) : "()") + " with " + optimizer();
    if (chance(6)) {
      for (auto &[name, from, to] : weighted)
        if (!outputsOnly && line.find(" in ") == string::npos && cost.reach.count(to)) {
          line += ", " + name + ": " + optimizer();
          feature("optimizer of one connection");
          break;
        }
    }
    if (known && known->addsInRuns() && chance(2)) {
      line += among({" every 1 ticks", " every 2 ticks"});
      feature("every n ticks");
    } else if (chance(10)) {
      line += among({" every 2 trials", " every 2 trials", " every 1 epochs"});
      feature("every");
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

  void addPlasticity(const string &rule) {
    feature("rule " + rule.substr(0, rule.find('(')));
    if (scheme->has("w\\.grad")) {
      model.learns.push_back("learn by " + rule + " with " + optimizer() + condition());
      return;
    }
    const auto &[name, from, to] = weighted[size_t(pick(0, int64_t(weighted.size()) - 1))];
    model.learns.push_back("learn in " + name + " by " + rule + condition());
  }

  void addHebbian() {
    feature("rule without cost");
    string change = chance(2) ? "0.01 * pre * post"
                              : "0.01 * post * (pre - post * w) + 0.001 * " +
                                    expression({"pre", "post", "w"}, 2);
    string rule = define("rule", "() : local", "{ w += " + change + " }");
    model.learns.push_back("learn by " + rule + "()" + condition());
  }

  /// A kernel changes by the sum over its places.
  string learningRate(double highest) {
    return windowed.empty() ? number(0.01, highest) : number(0.002, highest / 5);
  }

  string optimizer() {
    string rate = learningRate(0.3);
    if (chance(6)) {
      rate = rate + " * 0.5^epoch";
      feature("rate by epoch");
    } else if (parametric && chance(2)) {
      rate = rate + " * strength * quarter";
    }
    vector<const Declaration *> known = libraryOf("optimizer");
    switch (pick(0, 7)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const Declaration &o = *known[size_t(pick(0, int64_t(known.size()) - 1))];
      feature("optimizer " + o.name);
      string others = arguments(o);
      return o.name + others;
    }
    case 4:
      feature("optimizer sgd decay");
      return "sgd(" + rate + ", decay = 0.01, momentum = 0.5)";
    case 5:
      feature("optimizer adam options");
      return "adam(rate = 0.02, b1 = 0.8, b2 = 0.95, eps = 1e-4)";
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
      if (f == "logsumexp" && model.areas.back().size == 1)
        f = "mean";
      feature("measure " + f);
      model.measures.push_back("measure m = " + f + "(" + model.areas.back().name + ".rate)");
    }
  }

  const Declaration *scheme = nullptr; ///< the whole network is made for this rule
  vector<std::pair<string, string>> labelled;
  vector<Cost> costs;
  bool phased = false;  ///< a learn line has phases of its own
  bool focused = false; ///< the network is given a weight of its costs
};

} // namespace

ModelPieces apical::test::generateModel(uint64_t seed) { return Maker(seed).make(); }
