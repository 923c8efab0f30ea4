//===- OwnRules.h - learning rules that a random model brings ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_TESTS_DIFFERENTIAL_OWNRULES_H
#define APICAL_TESTS_DIFFERENTIAL_OWNRULES_H

#include "Graph.h"

namespace apical::test {

class OwnRules : public Graph {
protected:
  using Graph::Graph;

  string ownGradient() {
    return define("rule", "(C: cost) : nonlocal",
                  "{ each weight p { p.grad += grad(C, p) + 0.05 * " + expression({"p"}, 2) +
                      " } }");
  }

  /// Presentations side by side: perturbed, nudged or clamped, and compared.
  string ownPhases() {
    feature("phases of the model");
    string noise = among({"normal(0, 0.3)", "uniform(-0.4, 0.4)", "choice(-0.3, 0.3)"});
    switch (pick(0, 5)) {
    case 0: {
      string set = among({"area", "output"}), others = set == "area" ? "" : " to output";
      feature("noise of units");
      return define("rule", "(C: cost) : modulated",
                    "{ phase clean { run }\n phase noisy from start { run with each " + set +
                        " a { let xi ~ " + noise +
                        "; a.drive += xi } }\n let gain = (C@noisy - C@clean) / 0.3\n each "
                        "connection" +
                        others + " { w.grad += gain * post.xi@noisy * " +
                        expression({"pre@clean", "pre@noisy"}, 1) + " } }");
    }
    case 1:
      feature("noise of weights");
      return define(
          "rule", "(C: cost) : modulated",
          "{ each connection { shared state xi ~ " + noise +
              " }\n phase clean { run }\n phase noisy "
              "from start { run with each connection { w += xi } }\n let gain = (C@noisy - "
              "C@clean) / 0.3\n each connection { w.grad += gain * xi } }");
    case 2:
      feature("nudged outputs");
      return define("rule", "(C: cost) : nonlocal",
                    "{ phase free { run }\n phase nudged from start { run with each output o { "
                    "o.drive -= 0.3 * "
                    "(o.rate@free - 0.5) } }\n each connection { w.grad += (post.rate * pre)@free "
                    "- (post.rate * "
                    "pre)@nudged } }");
    case 3:
      feature("clamped outputs");
      return define(
          "rule", "(C: cost) : nonlocal",
          "{ phase free { run }\n phase clamped from start { run with each output o { o.rate = "
          "0.5 * o.rate@free + " +
              number(-0.3, 0.3) +
              " } }\n each connection { w.grad += (post.rate * pre)@free - "
              "(post.rate * pre)@clamped } }");
    case 4: {
      feature("family of phases");
      string set = among({"area", "output"});
      return define(
          "rule", "(C: cost) : population, modulated",
          "{ phase clean { run }\n for y in 0..2 { phase tried[y] from start { run with each " +
              set +
              " a { a.drive += 0.3 * y - 0.2 } } }\n let gain = sum(C@tried[0..2], over = "
              "components) - 3 * C@clean\n each connection { w.grad += gain * ((post.rate * "
              "pre)@tried[2] - mean((post.rate * pre)@tried[0..2], over = components)) } }");
    }
    default:
      feature("weights of units in a rule");
      return define(
          "rule", "(C: cost) : local",
          "{ each area a { weight c = " + number(0.1, 0.9) +
              "; let miss = sum((a.rate - c)^2) / 2; c.grad += d(miss, "
              "c); let tilt = d(a.rate, a.drive) }\n each connection { w.grad += (post.rate - "
              "post.c) * post.tilt * pre } }");
    }
  }

  string ownRule() {
    switch (pick(0, 5)) {
    case 0:
      return ownGradient();
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
                        (windowed.empty() ? among({"pre", "post"}) : "pre") + ")) } }");
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
};

} // namespace apical::test

#endif // APICAL_TESTS_DIFFERENTIAL_OWNRULES_H
