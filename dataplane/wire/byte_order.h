// Integers as they stand in messages: byte arrays of a stated order, without alignment.
//
// Structures made of these types have no padding, so that memcpy lays them over bytes. The order never changes by
// accident, because a conversion takes a constructor or value() that the reader can see.
#ifndef WARP_DATAPLANE_WIRE_BYTE_ORDER_H_
#define WARP_DATAPLANE_WIRE_BYTE_ORDER_H_

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace warp::wire {

namespace internal {

template <std::unsigned_integral T>
constexpr T ByteSwap(T value) {
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
}

}  // namespace internal

template <std::unsigned_integral T, std::endian kOrder>
class Ordered {
 public:
  constexpr Ordered() = default;  // zero
  explicit constexpr Ordered(T value) : bytes_(std::bit_cast<Array>(Swapped(value))) {}
  constexpr T value() const { return Swapped(std::bit_cast<T>(bytes_)); }
  friend bool operator==(const Ordered&, const Ordered&) = default;

 private:
  struct Array {
    uint8_t b[sizeof(T)] = {};
    friend bool operator==(const Array&, const Array&) = default;
  };
  static constexpr T Swapped(T value) {
    return kOrder == std::endian::native ? value : internal::ByteSwap(value);
  }
  Array bytes_;
};

using Le16 = Ordered<uint16_t, std::endian::little>;
using Le32 = Ordered<uint32_t, std::endian::little>;
using Le64 = Ordered<uint64_t, std::endian::little>;
using Be16 = Ordered<uint16_t, std::endian::big>;
using Be32 = Ordered<uint32_t, std::endian::big>;
using Be64 = Ordered<uint64_t, std::endian::big>;

static_assert(sizeof(Le64) == 8 && alignof(Le64) == 1);

// Read and write a layout that is made of byte-sized members. The caller has checked that the bytes are there.
template <typename Layout>
Layout ReadAs(const uint8_t* from) {
  static_assert(alignof(Layout) == 1);
  Layout layout;
  std::memcpy(&layout, from, sizeof(layout));
  return layout;
}
template <typename Layout>
void WriteAs(const Layout& layout, uint8_t* to) {
  static_assert(alignof(Layout) == 1);
  std::memcpy(to, &layout, sizeof(layout));
}

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_BYTE_ORDER_H_
