// The ports of a node, each from its configuration to a polled device. Interfaces come and go, and so do cards: a port
// is opened when its interface or card is there and closed when that goes. It is opened anew when it returns, when its
// MTU grows and when its MAC address changes. Where its MTU is larger than packet buffers are, larger ones are made
// first. Control thread only.
//
//              interface appears              its device is open             link up, an address
//   missing ─────────────────────► opening ─────────────────────► down ◄──────────────────────────► up
//      ▲                              │                             │                               │
//      └──────────────────────────────┴── interface vanishes ───────┴───────────────────────────────┘
//
// What an entry of the configuration names is a port for as long as the entry is there. Where the entry is a pattern,
// each interface that matches has a port for as long as it is there (config/pattern): it is made when the interface
// appears, also under another name than before, and forgotten when it has gone.
//
// A port that is one VLAN of a kernel interface has two interfaces: that of the device, with which it comes and goes,
// and that of the VLAN, which has its addresses, routes and neighbours. The latter is the kernel's own if there is one
// of the name when the port is first opened, and otherwise a companion. What it was then it is for good: a companion
// must not take the name of an interface that the operator sets up anew.
//
// A device may serve one address of its interface alone (PortInfo::address). Then the others do not concern the port,
// which is opened anew when it loses that one, and when one of IPv4 comes where it serves one of IPv6.
//
// The dataplane opens and closes devices beside this thread. A port that was closed cannot be opened again before the
// workers and the driver have let go of its device, which one that hangs does not do. Nobody waits for that: the port
// is tried again every few milliseconds.
#ifndef WARP_CONTROL_LINK_PORT_TABLE_H_
#define WARP_CONTROL_LINK_PORT_TABLE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/config/node_config.h"
#include "control/config/pattern/port_patterns.h"
#include "control/kernel/companion.h"
#include "control/kernel/interface_state.h"
#include "control/kernel/netlink.h"
#include "control/kernel/next_hop.h"
#include "control/link/size_hints.h"
#include "control/loop/loop.h"
#include "dataplane/facade/dataplane.h"

namespace warp::control {

class PortListener;

class PortTable {
 public:
  struct Port {
    explicit Port(config::PortConfig port_config, bool by_pattern = false)
        : config(std::move(port_config)), made(by_pattern), link(!config.is_carried()) {}

    config::PortConfig config;            // as the file has it, or as its pattern makes it
    const bool made;                      // by a pattern
    std::optional<wire::PortId> id;       // set while the device is open
    std::optional<wire::PortId> opening;  // set while it is being opened
    lcore::PortInfo info;                 // while open
    int index = 0;                        // of the interface for which the device was opened
    InterfaceState
        device;  // of the interface that is the device, or has it as a VLAN; else not present
    InterfaceState
        kernel;  // of the interface with the addresses: the same one, a VLAN's or the companion
    // As the driver tells, where the kernel does not see the device; of a VLAN, as the interface below it has it.
    bool link;
    // Of a port in a connection (control/carrier): the only address that it reaches, while it is up, and otherwise why
    // it is not.
    std::optional<wire::IpAddress> only;
    std::string not_carried = "its connection is not up yet";
    std::optional<bool>
        vlan_of_kernel;         // the kernel has an interface for the VLAN; unset: not yet looked
    std::string reason;         // why the port is not open, for status
    absl::Status outcome;       // of the last attempt to open it
    bool held = false;          // because its device is still held; it is tried again soon
    lcore::DropCounters drops;  // of frames between the dataplane and the companion
    std::unique_ptr<Companion> companion;
    std::unique_ptr<SizeHints> size_hints;  // while open, where the port's own socket gets them
    IcmpCounters icmp;                      // of that socket
    std::unique_ptr<Subscription> watch;
    std::unique_ptr<Subscription> watch_device;  // where the device's interface is another

    absl::string_view state() const {  // "missing", "opening", "down", "up"
      if (id.has_value()) return kernel.up() ? "up" : "down";
      if (opening.has_value()) return "opening";
      return waits_for_interface() ? "down" : "missing";
    }
    // While open.
    Outlet outlet() const { return {config.kernel_side(), info.has_link_layer}; }
    // There is something to open: a device of the kernel's, or one that only an attempt finds.
    bool can_be_tried() const { return config.kernel_device() == nullptr || device.present(); }
    // The interface is there but down, and no driver can be bound to it until it is set up.
    bool waits_for_interface() const {
      return config.kernel_device() != nullptr && device.present() && !device.admin_up;
    }
  };

  // All of them outlive the table.
  PortTable(Loop& loop, Netlink& netlink, lcore::Dataplane& dataplane,
            const config::NodeConfig& config, PortListener& listener);
  ~PortTable();

  // Opens every port, and waits for each. A port that cannot be opened is an error here, in one sentence; later it is
  // that port's state. A port whose interface is down, or whose interface or card is absent and optional, is opened
  // when that comes. One whose driver hangs goes on opening. Of ports that patterns make nothing is an error, and
  // nobody waits for them.
  absl::Status OpenAll();

  // Takes what the dataplane has to tell of ports that were opening, of links that came or went, and of larger packet
  // buffers. Returns how many there were. Call every turn.
  size_t TakeNews();

  // Gives a frame that is not WARP's to the kernel. A frame that the kernel does not take is counted.
  void ToKernel(const lcore::ForeignFrame& frame);

  // Tries again to open the ports that failed to open, and makes companions anew that were deleted. Call about once a
  // second.
  void Retry();

  // --- The configuration changes while the node runs (control/reload). ---
  // The configuration is another one now: ports follow its patterns. Those of its entries follow by the calls below.
  void FollowConfig();
  // Begins to open a port that the configuration has from now on, under a name that no port has. The error is that of
  // a start, in one sentence, and nothing is left of the port then. One that was there before stays what it was then:
  // what it lacks, as an interface that has gone meanwhile, is its state and no error.
  absl::Status Open(const config::PortConfig& config, bool was_there = false);
  // Whether that has ended well: the port is open, or it is opened when what it lacks comes. False: it is under way.
  absl::StatusOr<bool> Settled(const std::string& name) const;
  void Close(const std::string& name,
             const std::string& reason = "the configuration has it no more, or in another way");
  // The port is used in another way, with the device that it has (config::EffectBetween).
  void Retune(const config::PortConfig& config);
  // Memory may have become free: ports whose interfaces allow larger packets than there are buffers for ask anew.
  void AskAgainForBuffers();

  // Of a port in a connection (control/carrier), which is opened and closed like those above, though the configuration
  // does not name it: the connection is up, and reaches this address alone; or it is not, for that reason.
  void SetCarried(const std::string& name, const std::optional<wire::IpAddress>& only,
                  const std::string& reason);

  const std::vector<std::unique_ptr<Port>>& ports() const { return ports_; }
  const Port* Find(wire::PortId id) const;  // null: not open
  const Port* Find(const std::string& name) const { return FindNamed(name); }
  // Why an open port sends smaller packets than its interface allows; empty: it does not.
  std::string Narrow(const Port& port) const;
  const config::PortPatterns& patterns() const { return *patterns_; }

 private:
  absl::Status OpenNamed();
  void FollowPatterns(const std::vector<os::Interface>& interfaces);
  // Those of which some interface was left out.
  std::set<std::string> PatternsWithLeftOut() const;
  void ApplyPatterns(const std::set<std::string>& said);
  void RefitMade();
  bool Serves(const std::string& interface) const;
  Port* FindNamed(const std::string& name) const;
  void Make(const config::PortConfig& pattern, const std::string& interface);
  void Forget(Port& port, const std::string& reason);
  void Retune(Port& port, const config::PortConfig& config);
  void Look(Port& port);
  void WatchInterfaceOf(Port& port);
  void DecideVlan(Port& port);
  void SetVlans(Port& port, lcore::PortSpec* spec);
  // The errors of these do not name the port.
  // For whoever does not know which port the reason concerns.
  static absl::Status Named(const Port& port, const absl::Status& why);
  // It is no mistake, and the port is opened when what it lacks comes.
  static bool ComesLater(const Port& port, const absl::Status& why);
  absl::Status BeginOpen(Port& port);
  absl::Status AwaitOpen(Port& port);
  absl::Status Take(const lcore::PortNews& news);
  absl::Status EndOpen(Port& port, const absl::Status& opened);
  void Note(Port& port, const absl::Status& status);
  std::string Misfit(const Port& port) const;
  uint16_t UsableMtu(const Port& port, const InterfaceState& kernel) const;
  bool Follows(const Port& port, uint16_t mtu) const;
  void AskForBuffers();
  size_t FollowBuffers();
  void Close(Port& port, absl::string_view reason);
  void CancelOpen(Port& port, absl::string_view reason);
  absl::Status OpenCompanion(Port& port);
  void KeepCompanion(Port& port);
  bool FollowLink(Port& port);
  void SetLink(Port& port, bool up);
  static void SetKernel(Port& port, const InterfaceState& state);
  void ForgetAddress(Port& port);
  void FromKernel(Port& port, wire::Bytes frame);
  void OnInterface(Port& port, const InterfaceState& state);
  void OnDevice(Port& port, const InterfaceState& state);
  void OnKernelSide(Port& port, const InterfaceState& state);
  void OpenAgain(Port& port);
  void RetryHeld();

  Loop& loop_;
  Netlink& netlink_;
  lcore::Dataplane& dataplane_;
  const config::NodeConfig& config_;
  PortListener& listener_;
  std::unique_ptr<config::PortPatterns> patterns_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::unique_ptr<Subscription> watch_all_;  // where there are patterns
  uint16_t known_mtu_;                       // for which there were packet buffers at the last look
  uint16_t asked_mtu_ = 0;  // for which an interface has asked since; they may not be had
  bool asking_ = false;     // what has become of that is not known yet
  bool ask_later_ = false;  // because other buffers are being made
  std::string not_grown_;   // why larger ones were not to be had
  Timer retry_held_;        // runs while there is a port whose device is still held
};

// Is told when ports change.
class PortListener {
 public:
  virtual ~PortListener() = default;
  // The port has come and is about to be opened; or it was closed and is about to be forgotten. What was there at the
  // start did not come.
  virtual void OnPortMade(const config::PortConfig&) {}
  virtual void OnPortForgotten(const config::PortConfig&) {}
  // The port is about to have another configuration for the same device; or it has.
  virtual void BeforePortRetunes(const PortTable::Port&) {}
  virtual void AfterPortRetuned(const PortTable::Port&) {}
  // The device was opened, or the kernel has news of its interface.
  virtual void OnPortChanged(wire::PortId port) = 0;
  // A router tells, or somebody makes up, what gets through the port to this address.
  virtual void OnSizeHint(wire::PortId port, const SizeHint& hint) = 0;
  // The device was opened: the first moment in which its counters can be read.
  virtual void AfterPortOpened(const PortTable::Port&) {}
  // The device is still open, and about to be closed: the last moment in which its counters can be read.
  virtual void BeforePortCloses(const PortTable::Port&) {}
  // The device is about to be closed. When this returns, the published snapshot must no longer name it.
  virtual void OnPortClosing(wire::PortId port) = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_PORT_TABLE_H_
