// A packet buffer in the control thread's hands, without the type of the library that owns the memory.
//
// Three move-only types say what is inside, so that plaintext cannot reach a port: Plaintext is an inner header with
// its contents, yet to be sealed or just opened; Sealed is a whole WARP datagram; Frame is an Ethernet frame. Whoever
// hands a packet over has lost it: his is empty afterwards. Destroying a packet frees its buffer. Control thread only.
#ifndef WARP_DATAPLANE_FACADE_PACKET_H_
#define WARP_DATAPLANE_FACADE_PACKET_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "dataplane/facade/snapshot.h"
#include "dataplane/wire/bytes.h"

namespace warp::lcore {

// An mbuf. Only the dataplane knows it by that name.
struct PacketBuffer;

class Packet {
 public:
  Packet() = default;  // empty
  Packet(Packet&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  Packet& operator=(Packet&& other) noexcept {
    if (this != &other) {
      Reset();
      buffer_ = std::exchange(other.buffer_, nullptr);
    }
    return *this;
  }
  Packet(const Packet&) = delete;
  Packet& operator=(const Packet&) = delete;
  ~Packet() { Reset(); }

  explicit operator bool() const { return buffer_ != nullptr; }
  wire::Bytes bytes() const;
  wire::MutableBytes mutable_bytes();
  // Lengthens the packet by `size` bytes at its end or front and returns these bytes. Where there is no such room, the
  // packet stays as it is and the result is empty.
  wire::MutableBytes Append(size_t size);
  wire::MutableBytes Prepend(size_t size);
  void TrimFront(size_t size);  // size <= bytes().size()
  // Frees the buffer now. The packet is empty afterwards.
  void Reset();

  // --- For the dataplane itself. ---
  // Gives the buffer to the caller. The packet is empty afterwards.
  PacketBuffer* Release() { return std::exchange(buffer_, nullptr); }
  PacketBuffer* get() const { return buffer_; }

 protected:
  explicit Packet(PacketBuffer* buffer) : buffer_(buffer) {}

 private:
  PacketBuffer* buffer_ = nullptr;
};

class Plaintext : public Packet {
 public:
  Plaintext() = default;
  explicit Plaintext(PacketBuffer* buffer) : Packet(buffer) {}
};
class Sealed : public Packet {
 public:
  Sealed() = default;
  explicit Sealed(PacketBuffer* buffer) : Packet(buffer) {}
};
class Frame : public Packet {
 public:
  Frame() = default;
  explicit Frame(PacketBuffer* buffer) : Packet(buffer) {}
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_FACADE_PACKET_H_
