#include "control/parity/generator.h"

#include <isa-l/erasure_code.h>

#include <array>

#include "dataplane/wire/message.h"

namespace warp::parity {
namespace {

constexpr size_t kRows = wire::kMostParitiesOfBlock;
constexpr size_t kColumns = wire::kMostPayloadsOfBlock;
// Of one coefficient, at most.
constexpr size_t kTableSize = 32;

// How ISA-L lays out the products of a matrix depends on its version and on the processor: a coefficient has 32 bytes,
// or 8 where there is GFNI. So nothing is looked up within them. Only the first rows of a matrix stand first in each
// layout; any other row has products of its own.
struct Tables {
  std::array<uint8_t, kRows * kColumns> coefficients;
  std::array<uint8_t, kRows * kColumns * kTableSize> products;
  std::array<std::array<uint8_t, kColumns * kTableSize>, kRows> products_of;  // a row

  Tables() {
    for (size_t row = 0; row < kRows; ++row) {
      for (size_t column = 0; column < kColumns; ++column) {
        const auto scale = static_cast<uint8_t>(255 ^ column);
        const auto denominator = static_cast<uint8_t>((255 - row) ^ column);
        coefficients[row * kColumns + column] = gf_mul(scale, gf_inv(denominator));
      }
    }
    ec_init_tables(kColumns, kRows, coefficients.data(), products.data());
    for (size_t row = 0; row < kRows; ++row) {
      ec_init_tables(kColumns, 1, coefficients.data() + row * kColumns, products_of[row].data());
    }
  }
};

Tables& TheTables() {
  static Tables tables;
  return tables;
}

}  // namespace

uint8_t Coefficient(size_t index, size_t place) {
  return TheTables().coefficients[index * kColumns + place];
}

uint8_t Multiply(uint8_t a, uint8_t b) { return gf_mul(a, b); }

// ISA-L takes what it only reads by pointers to what it might write.
void AddPayload(size_t place, wire::Bytes payload, std::span<uint8_t* const> sums) {
  if (payload.empty()) return;
  ec_encode_data_update(static_cast<int>(payload.size()), kColumns, static_cast<int>(sums.size()),
                        static_cast<int>(place), TheTables().products.data(),
                        const_cast<uint8_t*>(payload.data()), const_cast<uint8_t**>(sums.data()));
}

void AddPayloadTo(size_t index, size_t place, wire::Bytes payload, uint8_t* sum) {
  if (payload.empty()) return;
  ec_encode_data_update(static_cast<int>(payload.size()), kColumns, 1, static_cast<int>(place),
                        TheTables().products_of[index].data(), const_cast<uint8_t*>(payload.data()),
                        &sum);
}

}  // namespace warp::parity
