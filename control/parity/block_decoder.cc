#include "control/parity/block_decoder.h"

#include <isa-l/erasure_code.h>

#include <algorithm>
#include <cassert>

#include "control/parity/generator.h"
#include "dataplane/wire/message.h"

namespace warp::parity {
namespace {

// Before the bytes of a payload or parity, its length: both as one row.
constexpr size_t kFields = 2;

std::vector<uint8_t> RowOf(uint16_t length, wire::Bytes bytes, size_t size) {
  std::vector<uint8_t> row(kFields + size);
  row[0] = static_cast<uint8_t>(length);
  row[1] = static_cast<uint8_t>(length >> 8);
  std::copy(bytes.begin(), bytes.end(), row.begin() + kFields);
  return row;
}

}  // namespace

// With the known payloads taken away from the parities, what is left is the missing ones times a square matrix.
std::optional<std::vector<Restored>> Restore(std::span<const Known> known,
                                             std::span<const size_t> missing,
                                             std::span<const Parity* const> parities) {
  const size_t count = missing.size();
  assert(count == parities.size() && count > 0 && count <= wire::kMostParitiesOfBlock);
  const size_t size = parities[0]->symbol.size();
  for (const Parity* parity : parities) {
    if (parity->symbol.size() != size) return std::nullopt;
  }
  std::vector<std::vector<uint8_t>> left;
  left.reserve(count);
  for (const Parity* parity : parities) {
    left.push_back(RowOf(parity->length, parity->symbol, size));
  }
  for (const Known& payload : known) {
    if (payload.bytes.size() > size) return std::nullopt;
    const uint8_t fields[kFields] = {static_cast<uint8_t>(payload.bytes.size()),
                                     static_cast<uint8_t>(payload.bytes.size() >> 8)};
    for (size_t row = 0; row < count; ++row) {
      const uint8_t coefficient = Coefficient(parities[row]->index, payload.place);
      for (size_t i = 0; i < kFields; ++i) left[row][i] ^= Multiply(coefficient, fields[i]);
      AddPayloadTo(parities[row]->index, payload.place, payload.bytes, left[row].data() + kFields);
    }
  }
  std::vector<uint8_t> matrix(count * count), inverse(count * count);
  for (size_t row = 0; row < count; ++row) {
    for (size_t column = 0; column < count; ++column) {
      matrix[row * count + column] = Coefficient(parities[row]->index, missing[column]);
    }
  }
  const int side = static_cast<int>(count);
  if (gf_invert_matrix(matrix.data(), inverse.data(), side) != 0) return std::nullopt;
  std::vector<uint8_t> tables(32 * count * count);
  ec_init_tables(side, side, inverse.data(), tables.data());
  std::vector<std::vector<uint8_t>> rows(count, std::vector<uint8_t>(kFields + size));
  std::vector<uint8_t*> in, out;
  for (size_t i = 0; i < count; ++i) {
    in.push_back(left[i].data());
    out.push_back(rows[i].data());
  }
  ec_encode_data(static_cast<int>(kFields + size), side, side, tables.data(), in.data(),
                 out.data());
  std::vector<Restored> restored;
  for (size_t i = 0; i < count; ++i) {
    const std::vector<uint8_t>& row = rows[i];
    const auto length = static_cast<size_t>(row[0] | row[1] << 8);
    if (length > size) return std::nullopt;
    const auto begin = row.begin() + kFields, end = begin + static_cast<ptrdiff_t>(length);
    if (std::any_of(end, row.end(), [](uint8_t byte) { return byte != 0; })) return std::nullopt;
    restored.push_back({.place = missing[i], .bytes = {begin, end}});
  }
  return restored;
}

}  // namespace warp::parity
