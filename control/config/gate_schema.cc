#include "control/config/gate_schema.h"

#include "control/config/schema/load.h"

namespace warp::config {
namespace {

constexpr uint32_t kMaxUnixQueue = 1024;  // 64 MiB of the largest payloads
constexpr uint16_t kMaxMode = 0777;

void CheckLoopback(Reader& reader, const std::string& path, LoopbackGateConfig& gate) {
  const std::string deliver = JoinPath(path, "deliver");
  if (!reader.Sound(JoinPath(path, "listen")) || !reader.Sound(deliver) || !gate.deliver) return;
  if (gate.deliver->address.is_v4() != gate.listen.address.is_v4()) {
    reader.Fail(deliver, "must be of the same family as listen: payloads leave from that socket");
  } else if (*gate.deliver == gate.listen) {
    reader.Fail(deliver, "must differ from listen: the gate would talk to itself");
  }
}

const SectionOf<LoopbackGateConfig>& LoopbackGateSchema() {
  static const SectionOf<LoopbackGateConfig>& section = Declare<LoopbackGateConfig>([](auto& s) {
    s.Scalar("listen", &LoopbackGateConfig::listen, LoopbackEndpoint())
        .Required()
        .Example("127.0.0.1:9000")
        .Why(
            "The address to which the application sends its datagrams, and from which the peer's "
            "payloads come.");
    // Its default is no endpoint at all, which has no text.
    s.Scalar("deliver", &LoopbackGateConfig::deliver, Optional(LoopbackEndpoint()))
        .Shown()
        .Example("127.0.0.1:9001")
        .Otherwise("the last sender")
        .Why("The address to which the peer's payloads go.");
    s.Check(CheckLoopback);
  });
  return section;
}

void CheckUnix(Reader& reader, const std::string& path, UnixGateConfig& gate) {
  const std::string deliver = JoinPath(path, "deliver");
  if (!gate.deliver || !reader.Sound(deliver)) return;
  if (gate.type == UnixGateType::kSeqpacket) {
    reader.Fail(deliver, "is for datagram gates: a seqpacket gate delivers to all that connect");
  } else if (*gate.deliver == gate.path) {
    reader.Fail(deliver, "must differ from path: the gate would talk to itself");
  }
}

const SectionOf<UnixGateConfig>& UnixGateSchema() {
  static const SectionOf<UnixGateConfig>& section = Declare<UnixGateConfig>([](auto& s) {
    s.Scalar("path", &UnixGateConfig::path, FilePath())
        .Required()
        .Example("/run/warp/video.sock")
        .Why(
            "The path at which applications find the socket. A file that a dead process left is "
            "replaced; the socket of a living one is an error.");
    s.Scalar("type", &UnixGateConfig::type,
             Choice<UnixGateType>(
                 {{"datagram", UnixGateType::kDatagram}, {"seqpacket", UnixGateType::kSeqpacket}}))
        .Why(
            "With datagram, send() returns when the payload before it was sent. With seqpacket, "
            "applications connect, and each connection gets every payload of the peer.");
    s.Scalar("mode", &UnixGateConfig::mode, OctalMode(kMaxMode))
        .Why(
            "The permissions of the socket file, in octal with the 0 in front. Whoever may write "
            "to "
            "it may send.");
    s.Scalar("owner", &UnixGateConfig::owner, Optional(AccountName()))
        .Example("www-data")
        .Otherwise("warpd's user")
        .Why("The user who owns the socket file.");
    s.Scalar("group", &UnixGateConfig::group, Optional(AccountName()))
        .Example("video")
        .Otherwise("warpd's group")
        .Why("The group that owns the socket file.");
    s.Scalar("queue", &UnixGateConfig::queue, WholeNumber<uint32_t>(1, kMaxUnixQueue, "payloads"))
        .Why(
            "The most payloads that were taken from applications and not sent yet. With 1, send() "
            "blocks until the payload before it was sent; more gives throughput.");
    s.Scalar("deliver", &UnixGateConfig::deliver, Optional(FilePath()))
        .Example("/run/warp/player.sock")
        .Otherwise("the last sender that has a path")
        .Why(
            "The path of the datagram socket to which the peer's payloads go; only beside `type: "
            "datagram`.");
    s.Check(CheckUnix);
  });
  return section;
}

}  // namespace

const SectionOf<GateConfig>& GateSchema() {
  static const SectionOf<GateConfig>& section = Declare<GateConfig>([](auto& s) {
    s.Nested("loopback", &GateConfig::loopback, LoopbackGateSchema())
        .Shown()
        .Otherwise("exactly one of loopback, unix")
        .Why("A UDP socket on this machine's loopback interface.");
    s.Nested("unix", &GateConfig::unix_socket, UnixGateSchema())
        .Otherwise("exactly one of loopback, unix")
        .Why("A Unix domain socket, whose send() blocks until there is room on a path.");
    s.Check([](Reader& reader, const std::string& path, GateConfig& gate) {
      if (gate.loopback && gate.unix_socket) {
        reader.Fail(path, "has both loopback and unix: a gate is one of them");
      } else if (!gate.loopback && !gate.unix_socket) {
        reader.Fail(path, "needs loopback or unix");
      }
    });
  });
  return section;
}

}  // namespace warp::config
