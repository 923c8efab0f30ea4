//===- Passes.td - passes on the dialect ---*- tablegen -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_PASSES
#define APICAL_PASSES

include "mlir/Pass/PassBase.td"

class ApicalPass<string flag> : Pass<flag, "::mlir::ModuleOp"> {
  let dependentDialects = ["::apical::ir::ApicalDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def Differentiate : ApicalPass<"apical-differentiate"> {
  let summary = "replace every apical.vjp and apical.jvp by lifts";
  let description = [{
    Reverse-mode derivatives, one `apical.vjp` at a time, in the order of the step:

    1. Mark every value that depends on one of the inputs. Inputs and held values are cuts: nothing
       passes through them. Reads, draws, clocks and parameters are leaves.
    2. Give every output its seed as cotangent.
    3. Walk the lifts before the `vjp` backwards and add, for each marked operand of a lift whose
       result has a cotangent, the adjoint lift to the operand's cotangent.
    4. The result for an input is its cotangent, or zeros if none arrived.

    Forward-mode derivatives, each `apical.jvp` in its turn: the inputs have their displacements as
    tangents, and the lifts before the `jvp` are walked forwards.
  }];
}

def Simplify : ApicalPass<"apical-simplify"> {
  let summary = "remove credit that nothing uses, and what is computed twice";
  let description = [{
    Dead-credit elimination: what no write and no report needs is not computed.

    1. Until nothing changes, erase lifts that nothing uses, prune unused operands and code, inline
       fields that are constant, drop zero terms and copies. The cotangents of what is not learned
       vanish, together with all that only they need.
    2. Merge operations that compute the same thing.
  }];
}

def FuseMaps : ApicalPass<"apical-fuse-maps"> {
  let summary = "compute elementwise code where it is used";
  let description = [{
    1. Walk the lifts of each step from the last to the first.
    2. While an operand of the lift is the only use of a lift without reduction, and each point of
       the one belongs to one point of the other, move the producer's code into the body, unless a
       value of a state would be carried across the write of that state.
    3. Nothing moves into a contraction along a row: the sum of products of two fields stays what the
       code generator has a fast path for. A factor over three axes is never stored for one.
    4. A value for each two synapses, which takes the square of the weights' memory, is made where it is
       used, even more than once.
  }];
}

def FuseUpdates : ApicalPass<"apical-fuse-updates"> {
  let summary = "compute a weight's new value and its optimiser's states together";
}

def SplitSums : ApicalPass<"apical-split-sums"> {
  let summary = "take sums of products apart into contractions";
  let description = [{
    In a lift that sums over a domain of three axes or more and is no contraction yet:

    1. A factor that two products added have in common is taken out: one product remains.
    2. A sum of sums or differences becomes sums side by side.
    3. A factor or divisor that is the same for all terms of a sum is applied to the sum.
    4. A product whose factors each lack an axis of the domain becomes a contraction; what the
       factors are made of is computed before.
    5. If some part of the body is of another form, the lift stays as it is.

    So `((post * pre)@down - (post * pre)@up) / (2 * beta)` is two contractions and an elementwise
    update, or one if `pre` is the same in both phases, and `gain * post.xi * pre` one contraction.
  }];
}

def Redraw : ApicalPass<"apical-redraw"> {
  let summary = "draw noise again where it is used instead of storing it";
  let description = [{
    A draw is a pure function of counters, and cheaper to repeat than a matrix of weights' size is
    to keep. From the last operation of a step to the first:

    1. A draw with the shape of a matrix, and pointwise code over one, is *noise*.
    2. Noise that several use is computed by each of them: one copy before each, with the result
       that is wanted only. Not so where the copy would read a state that has been written since.

    The code generator keeps what has one use in registers, or in a block of rows if a contraction
    reads it. Nothing may merge equal operations afterwards.
  }];
}

def SumColumns : ApicalPass<"apical-sum-columns"> {
  let summary = "make one number of a matrix by way of its columns";
  let description = [{
    A lift that makes one number of a matrix, a sum, a maximum or a minimum, has nothing that could
    be done side by side: each term waits for the one before. If the matrix is large, the lift makes
    one number of each column instead, and another lift one of these.
  }];
}

#endif // APICAL_PASSES
