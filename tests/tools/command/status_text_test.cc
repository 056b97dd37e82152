#include "tools/command/status_text.h"

#include <gtest/gtest.h>

#include "tools/terminal/text_table.h"

namespace warp::tools {
namespace {

constexpr char kNodeStatus[] = R"({
"node":{"public_key":"AAAA=","version":"0.1.0","uptime_s":3725.4,"listen_port":13116,"engine":"ipsec-mb","engine_reason":"ipsec-mb 151 ns, libsodium 690 ns","polling":"adaptive","loop":"io_uring","state":"running"},
"workers":[
 {"id":0,"cpu":3,"asleep":false,"busy":0.253,"stages":{"seal":{"cycles_per_packet":410.7,"measured_packets":320},"rx":{"cycles_per_packet":4.2,"measured_packets":64}}},
 {"id":1,"cpu":null,"asleep":true,"busy":0,"stages":{}}],
"ports":[
 {"name":"wan0","driver":"af_packet","driver_reason":"auto: eth0 is Ethernet","device":"eth0","kernel_interface":"eth0","tier":2,"cap":{"used":45500000000,"bytes":50000000000,"state":"near","problem":"the disk is full"},"state":"up","reason":"","mac":"02:00:00:00:00:01","mtu":1500,
  "addresses":["10.1.0.2","fd00:10::2"],"worker":0,"rx_packets":12,"rx_bytes":1,"rx_missed":0,"tx_packets":345678,"tx_bytes":1,"tx_dropped":2,"drops":{"replayed":3,"malformed":1}},
 {"name":"wan1","driver":"pci","device":"0000:3b:00.0","kernel_interface":"warp-wan1","state":"down","reason":"no carrier","addresses":[]}],
"patterns":[
 {"name":"wan*","interface":"wan*","except":[],"ports":["wan0"],"without_port":2,"reason":"wan7 and 1 more have no port: all 8 ports (node.max_ports) are in use"},
 {"name":"lte","interface":"wwan*","except":["wwan9"],"ports":[],"without_port":0,"reason":""}],
"maps":[{"address":"map.example.net:13116","public_key":"MMMM=","state":"registered","reason":"","registrations":[{"port":"wan0","endpoint":"198.51.100.1:4"}]}],
"peers":[{"name":"hq","public_key":"BBBB=","key_used_by":["10.1.0.2","10.3.0.2"],"state":"connected","reason":"confirmed","session":{"cipher":"aes-256-gcm","age_s":61,"initiator":true,"sent":1000},
 "paths":[
  {"id":1,"port":"wan0","endpoint":"10.2.0.2:13116","state":"active","reason":"probe answered","since_s":90061,"rtt_ms":1.25,"jitter_ms":0.1,"loss":0.015,"mtu":1400,"mtu_proven":true,"black_hole":true,
   "first":9,"first_share":0.75,"duplicates":3,"skew_ms":0.5,"tx_packets":1000,"tx_dropped":0,"tx_bytes":1236000},
  {"id":2,"port":"wan1","endpoint":"10.2.1.2:13116","state":"lost","reason":"no answer","since_s":2,"rtt_ms":null,"jitter_ms":null,"loss":1,"mtu":1280,"mtu_proven":false,"black_hole":false,
   "first":0,"first_share":0,"duplicates":0,"skew_ms":null,"tx_packets":0,"tx_dropped":0,"tx_bytes":0}],"paths_without_room":8},
 {"name":"lab","public_key":"CCCC=","state":"connecting","reason":"","session":null,"paths":[]}],
"tunnels":[{"name":"video","id":1,"peer":"hq","mode":"stripe","gate":{"type":"loopback","listen":"127.0.0.1:9000","deliver":""},"from_app":5,"to_app":6,"sent":5,"queued":0,"drops":{}},
{"name":"voice","id":2,"peer":"hq","gate":{"type":"unix seqpacket","listen":"/run/warp/v.sock","deliver":"","queue":1,"holding":1,"waiting_to_app":7,"clients":3},"from_app":8,"to_app":9,"sent":7,"queued":1,"drops":{"receiver_full":4}}],
"drops":{"malformed":1,"replayed":3}})";

TEST(StatusTextTest, ShowsANode) {
  const absl::StatusOr<std::string> text = StatusText(kNodeStatus, /*details=*/true);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, R"(node AAAA=
  warpd 0.1.0, running for 1h02m, UDP port 13116, crypto ipsec-mb (ipsec-mb 151 ns, libsodium 690 ns), polling adaptive, loop io_uring

WORKER  CPU   BUSY  CYCLES PER PACKET
     0    3  25.3%  rx 4, seal 411
     1    -   0.0%  -

PORT  TIER  CAP                       STATE  DRIVER     DEVICE         MTU  WORKER  RX  MISSED      TX  REFUSED  ADDRESSES            DROPS                    REASON
wan0     2  45.5 GB of 50.0 GB, near  up     af_packet  eth0          1500       0  12       0  345678        2  10.1.0.2 fd00:10::2  malformed 1, replayed 3  af_packet (auto: eth0 is Ethernet)
wan1     -  -                         down   pci        0000:3b:00.0     -       -   -       -       -        -  -                    -                        no carrier
  wan*: wan0; wan7 and 1 more have no port: all 8 ports (node.max_ports) are in use
  lte (wwan*): no interface
  data caps: the disk is full

MAP                    STATE       REGISTERED AS        REASON
map.example.net:13116  registered  wan0 198.51.100.1:4  -

peer hq  BBBB=
  connected (confirmed), session aes-256-gcm, 1m01s old, begun here, 1000 packets sent
  two nodes seem to use this key: 10.1.0.2, 10.3.0.2
  PORT  ENDPOINT        STATE   SINCE  RTT ms  JITTER    LOSS    MTU  FIRST  DUPLICATES  SKEW ms  SENT   BYTES  REFUSED  REASON
  wan0  10.2.0.2:13116  active  1d01h    1.25    0.10    1.5%   1400  75.0%           3     0.50  1000  1.2 MB        0  probe answered, larger packets vanish
  wan1  10.2.1.2:13116  lost       2s       -       -  100.0%  1280?   0.0%           0        -     0     0 B        0  no answer
  8 more pairs of a port and an endpoint have no path, for want of room

peer lab  CCCC=
  connecting, no session

TUNNEL  ID  PEER  MODE    TYPE            GATE              DELIVER  CLIENTS  FROM APP  SENT  QUEUED  TO APP  UNREAD  DROPS
video    1  hq    stripe  loopback        127.0.0.1:9000    -              -         5     5       0       6       -  -
voice    2  hq    -       unix seqpacket  /run/warp/v.sock  -              3         8     7       1       9       7  receiver_full 4

DROP       COUNT
malformed      1
replayed       3
)");
}

// Whoever replaces keys sees who lacks the new one, and for how long that may go on.
TEST(StatusTextTest, ShowsKeysThatWereReplaced) {
  const absl::StatusOr<std::string> text = StatusText(
      R"({"node":{"public_key":"AAAA=","old_keys":[{"public_key":"ZZZZ=","ends_in_s":3600}]},"peers":[)"
      R"({"name":"hq","public_key":"BBBB=","session":{"own_key":"ZZZZ=","peer_key":"YYYY="},)"
      R"("old_keys":[{"public_key":"YYYY=","ends_in_s":61}],"old_preshared_key_ends_in_s":5},)"
      R"({"name":"lab","public_key":"CCCC=","session":{"own_key":"AAAA=","peer_key":"CCCC="},)"
      R"("old_keys":[],"old_preshared_key_ends_in_s":null}]})",
      /*details=*/true);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_NE(text->find("\n  the old key ZZZZ= serves for 1h00m yet\n"), std::string::npos) << *text;
  EXPECT_NE(text->find("\n  its old key YYYY= serves for 1m01s yet\n"
                       "  it does not know this node's new key, but ZZZZ=\n"
                       "  an old preshared key serves for 5s yet\n"),
            std::string::npos)
      << *text;
  EXPECT_EQ(text->find("serves", text->find("peer lab")), std::string::npos);
  EXPECT_EQ(text->find("new key", text->find("peer lab")), std::string::npos);
}

TEST(StatusTextTest, ShowsAMap) {
  const absl::StatusOr<std::string> text = StatusText(
      R"({"map":{"public_key":"MMMM=","version":"0.1.0","uptime_s":59,"listen":["0.0.0.0:13116","[::]:13116"],"loop":"epoll",)"
      R"("registrations":12,"sessions":3,"lookups":4,"pushes":5},"drops":{}})",
      /*details=*/false);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, R"(map MMMM=
  warp-map 0.1.0, running for 59s, listens on 0.0.0.0:13116, [::]:13116, loop epoll

REGISTRATIONS  SESSIONS  LOOKUPS  PUSHES
           12         3        4       5

no drops
)");
}

TEST(StatusTextTest, SaysWhyAMapIsAlone) {
  const auto store = [](const char* json) {
    const absl::StatusOr<std::string> text =
        StatusText(absl::StrCat(R"({"map":{"public_key":"MMMM="},"drops":{},"store":)", json, "}"),
                   /*details=*/false);
    EXPECT_TRUE(text.ok()) << text.status();
    const size_t begin = text->find("store: ");
    return begin == std::string::npos ? "" : text->substr(begin, text->find('\n', begin) - begin);
  };
  EXPECT_EQ(store(R"({"kind":"memory","state":"up","server":""})"), "");
  EXPECT_EQ(store(R"({"kind":"redis","state":"up","server":"r:6379","error":"old","unsaved":0})"),
            "store: redis r:6379 up, 0 unsaved");
  EXPECT_EQ(store(R"({"kind":"redis","state":"away","server":"r:6379","error":"refused",)"
                  R"("unsaved":3})"),
            "store: redis r:6379 away, 3 unsaved: refused");
}

// An older, newer or broken daemon may send anything. There must be no crash and no control character.
TEST(StatusTextTest, BearsWhatItDoesNotKnow) {
  for (
      const char* json :
      {"{}",
       R"({"node":5,"ports":{},"peers":[1,null,"x",[]],"tunnels":[{}],"maps":[{"registrations":[3]}],"drops":[1]})",
       R"({"map":[],"drops":{"a":null}})",
       R"({"peers":[{"paths":[{"rtt_ms":"x","since_s":-5}],"session":{}}]})",
       R"({"node":{"uptime_s":1e300}})"}) {
    EXPECT_TRUE(StatusText(json, true).ok()) << json;
    EXPECT_TRUE(StatusText(json, false).ok()) << json;
  }
  const absl::StatusOr<std::string> text =
      StatusText("{\"node\":{\"version\":\"\\u001b[2J\"}}", true);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text->find('\x1b'), std::string::npos);
  EXPECT_NE(text->find("?[2J"), std::string::npos);
}

TEST(StatusTextTest, RefusesWhatIsNoStatus) {
  for (const char* json : {"", "[]", "5", "{", "{} {}"}) {
    EXPECT_EQ(StatusText(json, false).status().message(), "the answer is not a status") << json;
  }
}

TEST(TextTableTest, LinesUp) {
  TextTable table({"A", ">NUMBER", "B"});
  table.Add({"x", "1", "long text"});
  table.Add({"\xc3\xa4\xc3\xa4", "12345678"});
  EXPECT_EQ(table.ToString("  "),
            "  A     NUMBER  B\n"
            "  x          1  long text\n"
            "  \xc3\xa4\xc3\xa4  12345678\n");
}

}  // namespace
}  // namespace warp::tools
