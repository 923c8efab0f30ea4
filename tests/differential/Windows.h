//===- Windows.h - random windows over areas ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_TESTS_DIFFERENTIAL_WINDOWS_H
#define APICAL_TESTS_DIFFERENTIAL_WINDOWS_H

#include "Choices.h"

#include <functional>
#include <numeric>

namespace apical::test {

class Windows : public Choices {
protected:
  using Choices::Choices;
  using Sizes = vector<int64_t>;

  /// The size and the steps of a window, for each dimension of space.
  struct Window {
    Sizes kernel, stride;
  };

  static int64_t product(const Sizes &shape) {
    return std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
  }
  static size_t dimensions(const Sizes &shape) { return std::min<size_t>(shape.size(), 2); }
  static int64_t channels(const Sizes &shape) { return shape.size() > 2 ? shape[2] : 1; }

  /// A line, or an image with or without channels.
  Sizes space() {
    if (chance(3))
      return {pick(4, 9)};
    return withChannels({pick(3, 7), pick(3, 7)}, pick(1, 3));
  }

  /// Places of a window in a line of `n`: without a border, and with the widest one.
  static int64_t fewest(int64_t n, int64_t kernel, int64_t stride) {
    return n < kernel ? 1 : (n - kernel) / stride + 1;
  }
  static int64_t most(int64_t n, int64_t kernel, int64_t stride) {
    return std::max(int64_t(1), (n + kernel - 2) / stride + 1);
  }

  Window anyWindow(size_t dimensions) {
    Window w;
    for (size_t d = 0; d < dimensions; ++d) {
      bool square = d > 0 && !chance(4);
      w.kernel.push_back(square ? w.kernel[0] : pick(1, 3));
      w.stride.push_back(square ? w.stride[0] : chance(3) ? 2 : 1);
    }
    return w;
  }

  /// What lies behind a convolution: as small as without a border, as large as before it, or any size.
  Sizes behind(const Sizes &from, const Window &w, int64_t newChannels) {
    Sizes shape;
    int64_t border = pick(0, 2);
    for (size_t d = 0; d < dimensions(from); ++d) {
      int64_t n = from[d], low = fewest(n, w.kernel[d], w.stride[d]),
              high = most(n, w.kernel[d], w.stride[d]);
      shape.push_back(border == 0   ? low
                      : border == 1 ? std::clamp((n - 1) / w.stride[d] + 1, low, high)
                                    : pick(low, high));
    }
    return withChannels(shape, newChannels);
  }

  /// An area behind this one, with a space that some window fits.
  Sizes behind(const Sizes &from, bool pools) {
    Window w = anyWindow(dimensions(from));
    if (!pools)
      return behind(from, w, pick(1, 3));
    Sizes shape;
    for (size_t d = 0; d < dimensions(from); ++d)
      shape.push_back(fewest(from[d], 2, w.stride[d]));
    return withChannels(shape, channels(from));
  }

  /// A window between two areas as they are; none if there are no sizes that meet.
  bool fit(const Sizes &from, const Sizes &to, bool pools, Window &w) {
    if (from.empty() || to.empty() || dimensions(from) != dimensions(to) ||
        (pools && channels(from) != channels(to)))
      return false;
    if (pools && from == to) // it would reduce nothing
      return false;
    w = {};
    for (size_t d = 0; d < dimensions(from); ++d) {
      vector<std::pair<int64_t, int64_t>> all;
      for (int64_t kernel = 1; kernel <= std::min<int64_t>(3, pools ? from[d] : 3); ++kernel)
        for (int64_t stride = 1; stride <= (pools ? 3 : 2); ++stride) {
          int64_t low = fewest(from[d], kernel, stride),
                  high = pools ? low : most(from[d], kernel, stride);
          int64_t border = (to[d] - 1) * stride + kernel - from[d];
          if (to[d] >= low && to[d] <= high && border > -stride && border <= 2 * (kernel - 1))
            all.push_back({kernel, stride});
        }
      if (all.empty())
        return false;
      // Mostly alike in all dimensions.
      auto own = all[size_t(pick(0, int64_t(all.size()) - 1))];
      if (d > 0 && !chance(4))
        for (auto &each : all)
          if (each == std::pair(w.kernel[0], w.stride[0]))
            own = each;
      w.kernel.push_back(own.first);
      w.stride.push_back(own.second);
    }
    return true;
  }

  /// `kernel = 2, stride = [1, 2]`; what is the default may be left out.
  string text(const Window &w, bool pools) {
    string result = "kernel = " + sizes(w.kernel, "kernel of two sizes");
    bool standard = pools ? w.stride == w.kernel : w.stride == Sizes(w.stride.size(), 1);
    if (!standard)
      feature(pools ? "pools that overlap or leave out" : "stride");
    return standard && !chance(3) ? result
                                  : result + ", stride = " + sizes(w.stride, "stride of two sizes");
  }

  /// Counts what is particular about a window between two areas.
  void note(const Window &w, const Sizes &from, const Sizes &to) {
    feature(dimensions(from) == 1 ? "window over a line" : "window over an image");
    for (size_t d = 0; d < dimensions(from); ++d) {
      int64_t border = (to[d] - 1) * w.stride[d] + w.kernel[d] - from[d];
      feature(border > 0 ? "border" : border < 0 ? "units behind the last window" : "no border");
      if (border > w.kernel[d] - 1)
        feature("border on both sides as wide as the kernel allows");
    }
    if (channels(from) > 1 || channels(to) > 1)
      feature("channels");
  }

private:
  Sizes withChannels(Sizes shape, int64_t count) {
    if (shape.size() == 2 && (count > 1 || chance(3)))
      shape.push_back(count);
    return shape;
  }

  string sizes(const Sizes &list, const char *different) {
    bool same = std::all_of(list.begin(), list.end(), [&](int64_t n) { return n == list[0]; });
    if (!same)
      feature(different);
    else if (!chance(4))
      return to_string(list[0]);
    string result;
    for (int64_t n : list)
      result += (result.empty() ? "[" : ", ") + to_string(n);
    return result + "]";
  }
};

} // namespace apical::test

#endif // APICAL_TESTS_DIFFERENTIAL_WINDOWS_H
