// A payload on its way to an application: its bytes, its flow, and whatever keeps the bytes alive.
#ifndef WARP_CONTROL_GATE_DELIVERY_H_
#define WARP_CONTROL_GATE_DELIVERY_H_

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/message.h"

namespace warp::control {

// Holds the payload's owner in place and frees it when it is destroyed. The owner is any movable type of up to three
// words, such as a packet of the dataplane, a std::vector or a std::unique_ptr, so that gates need not know packet
// memory. Move-only.
class Delivery {
 public:
  // `bytes` must stay where they are when `owner` is moved, as those of a packet or a vector do, and those of a
  // std::array do not.
  template <typename Owner>
  Delivery(wire::Bytes bytes, Owner owner, wire::Flow flow = {})
      : bytes_(bytes), flow_(flow), handler_(&kHandler<Owner>) {
    static_assert(sizeof(Owner) <= kRoom && alignof(Owner) <= alignof(void*));
    static_assert(std::is_nothrow_move_constructible_v<Owner>);
    new (room_) Owner(std::move(owner));
  }
  Delivery(Delivery&& other) noexcept
      : bytes_(other.bytes_), flow_(other.flow_), handler_(std::exchange(other.handler_, nullptr)) {
    if (handler_ != nullptr) handler_->move(other.room_, room_);
  }
  // The same payload as one of another flow.
  Delivery(Delivery&& other, wire::Flow flow) noexcept : Delivery(std::move(other)) {
    flow_ = flow;
  }
  Delivery& operator=(Delivery&& other) noexcept {
    if (this != &other) {
      this->~Delivery();
      new (this) Delivery(std::move(other));
    }
    return *this;
  }
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;
  ~Delivery() {
    if (handler_ != nullptr) handler_->destroy(room_);
  }

  wire::Bytes bytes() const { return bytes_; }
  wire::Flow flow() const { return flow_; }

 private:
  static constexpr size_t kRoom = 3 * sizeof(void*);
  using Room = std::byte*;
  struct Handler {
    void (*move)(Room from, Room to);  // also destroys what is left at `from`
    void (*destroy)(Room room);
  };
  template <typename Owner>
  static constexpr Handler kHandler = {
      [](Room from, Room to) {
        Owner* owner = std::launder(reinterpret_cast<Owner*>(from));
        new (to) Owner(std::move(*owner));
        owner->~Owner();
      },
      [](Room room) { std::launder(reinterpret_cast<Owner*>(room))->~Owner(); },
  };

  wire::Bytes bytes_;
  wire::Flow flow_;
  const Handler* handler_;
  alignas(void*) std::byte room_[kRoom];
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_DELIVERY_H_
