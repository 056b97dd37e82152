// An interface of the kernel's between the stack of this machine and the tunnels whose gate it is.
//
//   kernel's routes ─► [interface] ─ read ─► cut ─► routes, classes (tun_members.h) ─► member (a tunnel's gate) ─► sink
//   kernel's stack  ◄─ [interface] ◄─ write ◄─ joined ◄─ the members' own (tun_gate.h)
//
// Its MTU is what its members' paths carry in one piece. A smaller one is set at once, so that nothing is cut for long;
// a larger one when it has been so for some time, because each change disturbs connections.
//
// What was read for a member whose sink has no room waits, and all behind it. Where the interface has other members, it
// waits kPatience and is dropped then, and so is what comes for that member until its sink has had room for a while:
// the workers of one tunnel may stand still, and must not stop the others.
//
// An interface that vanishes is a state. What is to be written ends as no_receiver, and the interface is opened again
// when it can be: made anew where it was made here, and otherwise when the operator has made it anew. Nothing of that
// happens on this thread, because the kernel may make it wait: it takes 10 to 35 ms to take an interface away. So it is
// still there for some time after the end of its object. Control thread only.
#ifndef WARP_CONTROL_GATE_TUN_TUN_INTERFACE_H_
#define WARP_CONTROL_GATE_TUN_TUN_INTERFACE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "control/gate/tun/packet/segmenter.h"
#include "control/gate/tun/tun_device.h"
#include "control/gate/tun/tun_members.h"
#include "control/loop/helper_thread.h"
#include "control/loop/loop.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/drop.h"

namespace warp::control {

class TunInterface : public std::enable_shared_from_this<TunInterface> {
 public:
  // All outlive the interface.
  struct Context {
    Loop& loop;
    HelperThread& helper;
    std::function<void(const std::string&)> say;  // gets a sentence for the log
    // How long the paths must have carried more before the MTU grows.
    wire::Duration raise_after = std::chrono::seconds(10);
  };
  // With options.mtu 0, the MTU follows the paths.
  static absl::StatusOr<std::shared_ptr<TunInterface>> Open(const Context& context,
                                                            const TunOptions& options);
  ~TunInterface();

  void Join(TunMember& member, TunRole role);
  void Leave(TunMember& member);
  void RoomChanged();  // of a member
  void Resume();       // a member's sink has room again, or will be asked no more
  // Gives what was read for this member to it, which takes all of it.
  void Drain(TunMember& member);

  // Whether the peer behind `member` may send packets from this address.
  bool MayComeFrom(const TunMember& member, const wire::IpAddress& source) const {
    return members_.MayComeFrom(member, source);
  }
  // Writes a packet, or a super-packet. kNone, or why the kernel did not take it.
  wire::Drop Write(std::span<const wire::Bytes> pieces);

  Layer layer() const { return options_.layer; }
  bool joins_udp() const { return joins_udp_; }
  uint32_t mtu() const { return mtu_; }
  // How large the IP packets may be of a connection that goes through this member, by whichever tunnel of its classes.
  size_t ConnectionRoom(const TunMember& member) const {
    return IpRoom(members_.LeastRoom(member));
  }
  // Why the interface is not there; empty: it is.
  const std::string& trouble() const { return trouble_; }

 private:
  // The most reads and payloads of one turn, so that the loop's other callbacks run too.
  static constexpr size_t kReadsPerTurn = 64;
  static constexpr size_t kPayloadsPerTurn = 128;
  // The smallest one of IPv6, which the kernel takes away from an interface with less.
  static constexpr uint32_t kLeastMtu = 1280, kMostMtu = 65500;
  static constexpr wire::Duration kRetry = std::chrono::seconds(1);
  static constexpr wire::Duration kPatience = std::chrono::milliseconds(10);

  TunInterface(const Context& context, const TunOptions& options);
  void Use(TunDevice device);
  void Receive();
  bool ReadOne();
  bool GiveToMember(size_t* given);
  void LosePatience();
  void DropRest(wire::Drop reason);
  void Close();
  void Gone(int error);
  void Reopen();
  void Reopened(absl::StatusOr<TunDevice> device);
  size_t IpRoom(size_t payload) const;
  std::optional<uint32_t> WantedMtu() const;
  void SetMtu(uint32_t mtu);

  const Context context_;
  TunOptions options_;
  const bool follows_;  // the MTU, the paths
  std::optional<TunDevice> device_;
  bool joins_udp_ = false;
  std::string trouble_;
  uint32_t mtu_ = 0;
  bool mtu_known_ = false;  // it is one of the paths', or the operator's
  uint32_t raise_to_ = 0;

  TunMembers members_;

  const std::unique_ptr<uint8_t[]> buffer_;  // of one read
  Segmenter segmenter_;
  TunMembers::Target current_;  // whose packets the segmenter has
  bool held_ = false;           // its sink took fewer than all: nothing is read until Resume
  Timer patience_;
  Task more_;
  Timer retry_;
  Timer raise_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_TUN_INTERFACE_H_
