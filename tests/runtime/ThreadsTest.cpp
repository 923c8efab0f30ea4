//===- ThreadsTest.cpp - loops split among threads ---*- C++ -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "apical/runtime.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

struct Squares {
  std::vector<double> values;
  std::vector<std::atomic<int>> visits;
  explicit Squares(int64_t n) : values(n), visits(n) {}
  static void run(void *context, int64_t lo, int64_t hi) {
    auto *self = static_cast<Squares *>(context);
    for (int64_t i = lo; i < hi; ++i) {
      ++self->visits[i];
      self->values[i] = std::sqrt(double(i)) + double(i) * double(i);
    }
  }
};

TEST(ParallelFor, VisitsEveryIndexOnce) {
  for (int threads : {1, 2, 3, 8}) {
    apical_set_threads(threads);
    EXPECT_EQ(apical_threads(), threads);
    for (int64_t n : {0, 1, 2, 7, 8, 9, 1000}) {
      Squares squares(n);
      apical_parallel_for(Squares::run, &squares, n);
      for (int64_t i = 0; i < n; ++i)
        EXPECT_EQ(squares.visits[i], 1) << i << " of " << n << " with " << threads;
    }
  }
}

TEST(ParallelFor, ResultsDoNotDependOnThreads) {
  apical_set_threads(1);
  Squares expected(4321);
  apical_parallel_for(Squares::run, &expected, 4321);
  for (int threads : {2, 5, 16}) {
    apical_set_threads(threads);
    for (int repeat = 0; repeat < 200; ++repeat) {
      Squares squares(4321);
      apical_parallel_for(Squares::run, &squares, 4321);
      ASSERT_EQ(squares.values, expected.values);
    }
  }
}

// No piece ends before all four have begun, so that no thread can take two.
TEST(ParallelFor, UsesSeveralThreads) {
  apical_set_threads(4);
  struct Ids {
    std::vector<std::thread::id> of = std::vector<std::thread::id>(4);
    std::atomic<int> begun = 0;
  } ids;
  apical_parallel_for(
      [](void *context, int64_t lo, int64_t hi) {
        auto *ids = static_cast<Ids *>(context);
        for (int64_t i = lo; i < hi; ++i) {
          ids->of[i] = std::this_thread::get_id();
          ++ids->begun;
          auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
          while (ids->begun < 4 && std::chrono::steady_clock::now() < limit)
            std::this_thread::yield();
        }
      },
      &ids, 4);
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < i; ++j)
      EXPECT_NE(ids.of[i], ids.of[j]);
}

// A worker that is kept busy elsewhere holds up nothing but what it has begun.
TEST(ParallelFor, DoesNotWaitForThoseWhoHaveNotBegun) {
  apical_set_threads(3);
  for (int repeat = 0; repeat < 2000; ++repeat) {
    Squares squares(repeat % 40);
    apical_parallel_for(Squares::run, &squares, repeat % 40);
    for (auto &visit : squares.visits)
      ASSERT_EQ(visit, 1);
  }
}

TEST(ParallelFor, NestsAndSurvivesPauses) {
  apical_set_threads(3);
  for (int repeat = 0; repeat < 20; ++repeat) {
    std::atomic<int64_t> sum = 0;
    apical_parallel_for(
        [](void *context, int64_t lo, int64_t hi) {
          for (int64_t i = lo; i < hi; ++i)
            apical_parallel_for(
                [](void *inner, int64_t l, int64_t h) {
                  *static_cast<std::atomic<int64_t> *>(inner) += h - l;
                },
                context, 10);
        },
        &sum, 50);
    EXPECT_EQ(sum, 500);
    std::this_thread::sleep_for(std::chrono::milliseconds(2)); // the workers fall asleep
  }
}

TEST(ParallelFor, ServesSeveralHostThreads) {
  apical_set_threads(2);
  std::atomic<int64_t> sum = 0;
  std::vector<std::thread> hosts;
  for (int t = 0; t < 4; ++t)
    hosts.emplace_back([&sum] {
      for (int i = 0; i < 500; ++i)
        apical_parallel_for(
            [](void *context, int64_t lo, int64_t hi) {
              *static_cast<std::atomic<int64_t> *>(context) += hi - lo;
            },
            &sum, 100);
    });
  for (std::thread &host : hosts)
    host.join();
  EXPECT_EQ(sum, 4 * 500 * 100);
}

TEST(ParallelFor, WorksInAForkedChild) {
  apical_set_threads(3);
  Squares before(100);
  apical_parallel_for(Squares::run, &before, 100);
  pid_t child = fork();
  if (child == 0) {
    alarm(10);
    Squares squares(100);
    apical_parallel_for(Squares::run, &squares, 100);
    _exit(squares.values == before.values ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

} // namespace
