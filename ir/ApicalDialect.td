//===- ApicalDialect.td - the dialect and its operations ---*- tablegen -*-===//
//
// Part of the Apical project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values are tensors of f32 (columns of data may have other element types).
// A dynamic size `?` is the sample axis and nothing else: there is at most one
// per tensor, it comes first, and every `?` of a step has the same size.
//
//===----------------------------------------------------------------------===//

#ifndef APICAL_DIALECT
#define APICAL_DIALECT

include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

def Apical_Dialect : Dialect {
  let name = "apical";
  let summary = "areas, connections and learning rules at the level of the field";
  let description = [{
    A module holds `apical.state` declarations (weights and whatever else
    lasts), `apical.param` declarations and `apical.step` functions: one per
    experiment, one for initialisation. A step reads states, computes with pure
    tensor operations and writes states. Weights are linear: `apical.write`
    consumes the state, and a value read from it may not be used afterwards.
  }];
  let cppNamespace = "::apical::ir";
}

class Apical_Op<string mnemonic, list<Trait> traits = []> : Op<Apical_Dialect, mnemonic, traits>;

def Apical_Tensor : RankedTensorOf<[F32, F64, I1, I8, UI8, I16, I32, I64]>;
def Apical_Field : RankedTensorOf<[F32]>;

//===----------------------------------------------------------------------===//
// Module level
//===----------------------------------------------------------------------===//

def Apical_StateOp : Apical_Op<"state", [Symbol]> {
  let summary = "an array that outlives the step";
  let description = [{
    `role` is one of `weight`, `lasting`, `optimizer`, `counter`, `item`. The
    shape is the logical one: padding is decided by the layout.
    ```mlir
    apical.state @classifier.image_hidden.w : tensor<784x512xf32> role "weight"
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Apical_Field>:$type, StrAttr:$role);
  let assemblyFormat = "$sym_name `:` $type `role` $role attr-dict";
  let hasVerifier = 1;
}

def Apical_ParamOp : Apical_Op<"param", [Symbol]> {
  let summary = "a number that is set before the run";
  let description = [{ `value` is in SI units; `unit` and `scale` say how it was written. }];
  let arguments = (ins SymbolNameAttr:$sym_name, F64Attr:$value,
                       DefaultValuedAttr<StrAttr, "\"\"">:$unit,
                       DefaultValuedAttr<F64Attr, "1.0">:$scale);
  let assemblyFormat = "$sym_name `=` $value attr-dict";
}

def Apical_StepOp : Apical_Op<"step", [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator]> {
  let summary = "what one trial of one batch computes";
  let description = [{
    Block arguments are the columns of the data that the step reads, each
    `tensor<?x…>` in the element type of the file. Operations stand in the order
    in which they may run; nothing else is implied by it. Attributes of the
    experiment (`kind`, `network`, `source`, `batch`, `epochs`, `trials`,
    `columns`) are carried along in `experiment`, for the program's tables.
    ```mlir
    apical.step @train0 (%images: tensor<?x784xui8>, %labels: tensor<?xui8>) {
      %w = apical.read @w : tensor<784x10xf32>
      …
      apical.write @w, %new : tensor<784x10xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<DictionaryAttr>:$experiment);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1; // linearity of states: see ApicalOps.cpp
}

//===----------------------------------------------------------------------===//
// States, numbers, results
//===----------------------------------------------------------------------===//

def Apical_ReadOp : Apical_Op<"read", [MemoryEffects<[MemRead]>]> {
  let summary = "the value of a state at the start of the step";
  let arguments = (ins FlatSymbolRefAttr:$state);
  let results = (outs Apical_Field:$value);
  let assemblyFormat = "$state attr-dict `:` type($value)";
}

def Apical_WriteOp : Apical_Op<"write", [MemoryEffects<[MemWrite]>]> {
  let summary = "gives a state its new value and consumes the old one";
  let description = [{
    At most one per state and step. No value read from the state may be used by
    an operation after this one: the memory is reused in place.
  }];
  let arguments = (ins FlatSymbolRefAttr:$state, Apical_Field:$value);
  let assemblyFormat = "$state `,` $value attr-dict `:` type($value)";
}

def Apical_GetParamOp : Apical_Op<"get_param", [Pure]> {
  let summary = "a parameter's value";
  let arguments = (ins FlatSymbolRefAttr:$param);
  let results = (outs Apical_Field:$value);
  let assemblyFormat = "$param attr-dict `:` type($value)";
}

def Apical_ClockOp : Apical_Op<"clock", [Pure]> {
  let summary = "a number that the host supplies";
  let description = [{
    `samples` (valid samples of the batch), `trial`, `epoch`, `training`,
    `epoch_end` (1 in the last trial of a pass over the data), each a `tensor<f32>`, or `rows`: the data index of each sample, `tensor<?xf32>`.
  }];
  let arguments = (ins StrAttr:$which);
  let results = (outs Apical_Field:$value);
  let assemblyFormat = "$which attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Apical_DrawOp : Apical_Op<"draw", [Pure]> {
  let summary = "random numbers, a function of (seed, stream, trial, sample, element)";
  let description = [{
    `distribution` is `uniform` on (0, 1) or `normal` with mean 0 and deviation
    1. Element e of the flattened logical shape (sample axis included) is word
    `e mod 4` of Philox4x32-10 block `e div 4`. The key is that of
    (seed, stream); the counter is (block, trial if `per_trial` else 0).
    With `orthogonal`, the normal matrix of these elements is orthonormalised along
    its shorter side, as apical_orthogonal of the runtime says. Draws are constants
    for derivatives.
  }];
  let arguments = (ins StrAttr:$distribution, StrAttr:$stream, UnitAttr:$per_trial);
  let results = (outs Apical_Field:$value);
  let assemblyFormat = "$distribution `stream` $stream (`per_trial` $per_trial^)? attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Apical_ReportOp : Apical_Op<"report", [MemoryEffects<[MemWrite]>]> {
  let summary = "one number per sample (or one for the batch) for the host";
  let description = [{
    `kind` is `cost`, `measure`, `health`, `whole` or `residual`: see
    apical_measure_kind. A `tensor<?xf32>` is summed over the valid samples;
    `whole` and `residual` take `tensor<f32>`. An attribute `phase` says behind which
    phase the area `name` was looked at. The kinds `probe` and `item` deliver
    a `tensor<?x…xf32>` as it is: see apical_output. An `item` goes to the rows
    of the state `name`.
  }];
  let extraClassDeclaration = [{
    /// One row for each sample, instead of a sum over them.
    bool deliversRows() { return getKind() == "probe" || getKind() == "item"; }
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$kind, Apical_Field:$value);
  let assemblyFormat = "$name `kind` $kind `,` $value attr-dict `:` type($value)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Computation
//===----------------------------------------------------------------------===//

def Apical_LiftOp : Apical_Op<"lift", [Pure, SingleBlock, IsolatedFromAbove]> {
  let summary = "code written for one element, lifted over a domain";
  let description = [{
    The body is evaluated at every point of the domain `sizes` (−1: the sample
    axis, always first if present). Operand k is read at `maps[k]`(point);
    result r collects its yielded value at `maps[#operands + r]`(point). Axes
    that a result's map does not use are reduced by that result's `combiner`:
    `sum`, `max`, `min`, or `none` if there are none. Maps are projected
    permutations: what a convolution reads is first laid out by `apical.unfold`.

    Dense conduction, post += w * pre:
    ```mlir
    %drive = apical.lift sizes [-1, 784, 512] ins(%x, %w : …) outs(tensor<?x512xf32>)
        maps [(b, i, j) -> (b, i), (b, i, j) -> (i, j), (b, i, j) -> (b, j)] combiners ["sum"] {
      ^bb0(%pre: f32, %weight: f32):
        %t = arith.mulf %weight, %pre : f32
        apical.yield %t : f32
    }
    ```
    The body holds `arith`, `math`, `apical.index` and `apical.stop` only and
    sees nothing from outside. Integer operands are converted in the body, where
    an element of `ui8` appears as `i8` (arith knows signless integers only).
  }];
  let arguments = (ins Variadic<Apical_Tensor>:$inputs, DenseI64ArrayAttr:$sizes,
                       AffineMapArrayAttr:$maps, StrArrayAttr:$combiners);
  let results = (outs Variadic<Apical_Field>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;       // the domain, maps and operands
  let hasRegionVerifier = 1; // the body
  let extraClassDeclaration = [{
    /// The map through which operand `i` is read.
    ::mlir::AffineMap getInputMap(unsigned i) {
      return ::llvm::cast<::mlir::AffineMapAttr>(getMaps()[i]).getValue();
    }
    /// The map through which result `r` collects.
    ::mlir::AffineMap getResultMap(unsigned r) { return getInputMap(getInputs().size() + r); }
    ::llvm::StringRef getCombiner(unsigned r) {
      return ::llvm::cast<::mlir::StringAttr>(getCombiners()[r]).getValue();
    }
    ::mlir::Block &getBlock() { return getBody().front(); }
    /// The scalars that one point contributes.
    ::mlir::OperandRange getYielded() { return getBlock().back().getOperands(); }
    /// True if some result reduces an axis.
    bool reduces() {
      return ::llvm::any_of(getCombiners(), [](::mlir::Attribute c) {
        return ::llvm::cast<::mlir::StringAttr>(c).getValue() != "none";
      });
    }
    /// True for sum over products of two operands and nothing else.
    bool isContraction();
  }];
}

def Apical_YieldOp : Apical_Op<"yield", [Pure, Terminator, ReturnLike, ParentOneOf<["LiftOp"]>]> {
  let summary = "what one point of a lift contributes";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def Apical_IndexOp : Apical_Op<"index", [Pure, ParentOneOf<["LiftOp"]>]> {
  let summary = "the coordinate of the point along one axis, as a number";
  let arguments = (ins I64Attr:$axis);
  let results = (outs F32:$value);
  let assemblyFormat = "$axis attr-dict `:` type($value)";
}

def Apical_StopOp : Apical_Op<"stop", [Pure, SameOperandsAndResultType]> {
  let summary = "a barrier for derivatives: the identity with derivative 0";
  let arguments = (ins AnyType:$operand);
  let results = (outs AnyType:$value);
  let assemblyFormat = "$operand attr-dict `:` type($value)";
}

def Apical_RankOp : Apical_Op<"rank", [Pure, SameOperandsAndResultType]> {
  let summary = "the place of each element among those along an axis: 1 for the largest";
  let description = [{
    One more than the number of elements along `axis` that are greater, or equal
    and stand before. Zeros of either sign are equal. A NaN is neither greater
    nor equal: it has place 1 and takes none from the others. Ranks are constants
    for derivatives. A lift could say the same by comparing all pairs; this is as
    fast as sorting.
    ```mlir
    %place = apical.rank %drive axis 1 : tensor<?x2000xf32>
    ```
  }];
  let arguments = (ins Apical_Field:$operand, I64Attr:$axis);
  let results = (outs Apical_Field:$value);
  let assemblyFormat = "$operand `axis` $axis attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Apical_PlacesOp : Apical_Op<"places", [Pure]> {
  let summary = "1 at the places that are listed, 0 elsewhere";
  let description = [{
    A place is the number of an element, row by row.
    ```mlir
    %mask = apical.places [0, 3] : tensor<2x3xf32> // of the first element and the fourth
    ```
  }];
  let arguments = (ins DenseI64ArrayAttr:$places);
  let results = (outs Apical_Field:$value);
  let assemblyFormat = "$places attr-dict `:` type($value)";
  let hasVerifier = 1;
}

/// What `apical.unfold` and `apical.fold` have in common: a window that moves over an area.
class Apical_WindowOp<string mnemonic> : Apical_Op<mnemonic, [Pure]> {
  let arguments = (ins Apical_Field:$operand, DenseI64ArrayAttr:$shape, DenseI64ArrayAttr:$kernel,
                       DenseI64ArrayAttr:$stride, DenseI64ArrayAttr:$before,
                       DenseI64ArrayAttr:$places, UnitAttr:$taps_first);
  let results = (outs Apical_Field:$value);
  let assemblyFormat = [{
    $operand `shape` $shape `kernel` $kernel `stride` $stride `before` $before `places` $places
    (`taps_first` $taps_first^)? attr-dict `:` type($operand) `->` type($value)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    Window getWindow() {
      return {llvm::to_vector<3>(getShape()), llvm::to_vector<3>(getKernel()),
              llvm::to_vector<3>(getStride()), llvm::to_vector<3>(getBefore()),
              llvm::to_vector<3>(getPlaces()), getTapsFirst()};
    }
  }];
}

def Apical_UnfoldOp : Apical_WindowOp<"unfold"> {
  let summary = "what a window sees of an area at each of its places";
  let description = [{
    The last axis of the operand are the units of an area of `shape`, row by row. The window
    covers `kernel` of them; it stands at `places`, `stride` units apart, first at −`before`
    of each dimension. The last axis becomes two: places and taps, each row by row, or taps
    and places with `taps_first`. What lies beyond the border of the area is 0.
    Channels are a dimension of their own: a convolution sees all of them at one place, a
    pool one of them at each of as many places.
    ```mlir
    %seen = apical.unfold %rate shape [28, 28, 1] kernel [5, 5, 1] stride [1, 1, 1]
        before [0, 0, 0] places [24, 24, 1] : tensor<?x784xf32> -> tensor<?x576x25xf32>
    ```
  }];
}

def Apical_FoldOp : Apical_WindowOp<"fold"> {
  let summary = "the sum of what a window leaves at each unit of an area: the transpose of `apical.unfold`";
  let description = [{
    Each unit gets the sum over all places and taps at which `apical.unfold` with the same
    window would have read it, 0 if there are none, in an order of its own.
    ```mlir
    %error = apical.fold %parts shape [28, 28, 1] kernel [5, 5, 1] stride [1, 1, 1]
        before [0, 0, 0] places [24, 24, 1] : tensor<?x576x25xf32> -> tensor<?x784xf32>
    ```
  }];
}

def Apical_VjpOp : Apical_Op<"vjp", [Pure, AttrSizedOperandSegments]> {
  let summary = "cotangents of `inputs`, given cotangents of `outputs`";
  let description = [{
    Reverse-mode derivative of the code between `inputs` and `outputs`: result k
    is the sum over all paths from inputs[k] to the outputs, which do not pass
    through any other of the `inputs` nor any of `held`, of seed times the
    derivatives along the path. An axis that inputs[k] lacks is summed over,
    the sample axis too. An input that no output depends on yields 0. The
    differentiation pass replaces this by lifts.
    ```mlir
    %ew, %ex = apical.vjp of(%y seeds %ey : …) wrt(%w, %x : …) held(%h : …) -> (…)
    ```
  }];
  let arguments = (ins Variadic<Apical_Field>:$outputs, Variadic<Apical_Field>:$seeds,
                       Variadic<Apical_Field>:$inputs, Variadic<Apical_Field>:$held);
  let results = (outs Variadic<Apical_Field>:$cotangents);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Apical_JvpOp : Apical_Op<"jvp", [Pure, AttrSizedOperandSegments]> {
  let summary = "tangents of `outputs`, given what displaces `inputs`";
  let description = [{
    Forward-mode derivative of the code between `inputs` and `outputs`: the
    tangent of inputs[k] is displacements[k], and what reaches it from other
    inputs; that of an output is the sum over all paths to it, which do not
    pass through any of `held`. An output that depends on no input yields 0. The
    differentiation pass replaces this by lifts.
    ```mlir
    %ty = apical.jvp of(%y : …) along(%w, %x by %tw, %tx : …) held(%h : …) -> (…)
    ```
  }];
  let arguments = (ins Variadic<Apical_Field>:$outputs, Variadic<Apical_Field>:$inputs,
                       Variadic<Apical_Field>:$displacements, Variadic<Apical_Field>:$held);
  let results = (outs Variadic<Apical_Field>:$tangents);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

#endif // APICAL_DIALECT
