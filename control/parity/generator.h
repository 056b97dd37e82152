// The coefficients of parity and the arithmetic with them. Bytes are elements of GF(2^8) with the polynomial
// x^8 + x^4 + x^3 + x^2 + 1 (0x11d): addition is exclusive or.
//
//   parity(i) = sum over the places j of a block of coefficient(i, j) × payload(j)
//   coefficient(i, j) = (255 − j) / ((255 − i) − j), where − is exclusive or as well
//
// It is a Cauchy matrix whose columns are scaled, so that coefficient(0, j) is 1: the first parity is the exclusive or
// of the payloads. As with every Cauchy matrix, any n parities make up for any n payloads. A coefficient depends on
// neither the number of payloads nor that of parities, so that a block may end early.
//
// Blömer et al., "An XOR-Based Erasure-Resilient Coding Scheme", 1995, section 4. By ISA-L. Pure.
#ifndef WARP_CONTROL_PARITY_GENERATOR_H_
#define WARP_CONTROL_PARITY_GENERATOR_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/wire/bytes.h"

namespace warp::parity {

// `index` < wire::kMostParitiesOfBlock, `place` < wire::kMostPayloadsOfBlock.
uint8_t Coefficient(size_t index, size_t place);

// The product of two elements.
uint8_t Multiply(uint8_t a, uint8_t b);

// Adds coefficient(i, place) × `payload` to the first bytes of each of `sums`, for i from 0 on. Each has at least as
// many bytes.
void AddPayload(size_t place, wire::Bytes payload, std::span<uint8_t* const> sums);

// Adds coefficient(index, place) × `payload` to the first bytes of `sum`.
void AddPayloadTo(size_t index, size_t place, wire::Bytes payload, uint8_t* sum);

}  // namespace warp::parity

#endif  // WARP_CONTROL_PARITY_GENERATOR_H_
