// Every time and limit of the session and path machines. map/map_constants.h has those of the map protocol, and
// dataplane/wire/constants.h has the sizes on the wire.
#ifndef WARP_CONTROL_PROTOCOL_CONSTANTS_H_
#define WARP_CONTROL_PROTOCOL_CONSTANTS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "dataplane/wire/session/timers.h"
#include "dataplane/wire/time.h"

namespace warp::protocol {

using wire::Duration;
using wire::Instant;
using wire::kNever;

// --- Timers. Tests and `node.timers` override what they like; docs/state-machines.md lists them. ---

// The others are in dataplane/wire/session/timers.h, because a configuration may set those.
struct Timers : wire::ConfiguredTimers {
  // Handshakes.
  // After this time an attempt with another ephemeral key begins, beside those before it.
  Duration handshake_attempt = std::chrono::seconds(5);
  // How long the cookies of further paths are waited for, before the initiation goes out with them.
  Duration handshake_cookie_wait = std::chrono::milliseconds(50);
  // Between the initiator's confirms, until it opens a packet.
  Duration confirm_interval = std::chrono::milliseconds(100);
  // A session that nobody confirmed is forgotten after this time. A fast link may begin it that carries no confirm, so
  // this is longer than one and a half of the longest round trips that are waited for.
  Duration confirm_lifetime = std::chrono::seconds(20);
  // Of the secret that cookies are made with.
  Duration cookie_lifetime = std::chrono::seconds(120);

  // Paths.
  // Between probes of an active path while no payloads flow.
  Duration idle_probe_interval = std::chrono::milliseconds(2500);
  // The same, and the longest between any, where an end of the path pays for what it carries, while no payloads are
  // sent over it.
  Duration sparing_probe_interval = std::chrono::seconds(10);
  // So long after the last payload they still count as flowing.
  Duration use_linger = std::chrono::seconds(3);
  // Between reports of what arrived, while payloads flow.
  Duration report_interval = std::chrono::milliseconds(200);
  // Between feedbacks to a peer that spreads payloads, while payloads come; the shortest where more than
  // kFeedbackFastRate comes, the longest where less than kFeedbackSlowRate does.
  Duration feedback_interval = std::chrono::milliseconds(20);
  Duration feedback_interval_min = std::chrono::milliseconds(10);
  Duration feedback_interval_max = std::chrono::milliseconds(50);
  // Between the last payload and the first of the kFeedbackEchoes feedbacks that follow; the others come after three
  // and eight times that.
  Duration feedback_echo = std::chrono::milliseconds(25);
  // The longest interval between probes of a candidate, and of a lost path while no payloads flow; it doubles from
  // probe_interval up to this.
  Duration candidate_interval_max = std::chrono::seconds(5);
  // The same for a lost path while payloads flow.
  Duration lost_interval_max = std::chrono::milliseconds(400);
  // A path on which payloads do not arrive carries none for this long, then for twice as long each time.
  Duration blocked_min = std::chrono::seconds(5);
  Duration blocked_max = std::chrono::seconds(60);
  // A learned endpoint without an active path is forgotten after this time.
  Duration learned_lifetime = std::chrono::seconds(300);
};

// So long a key that has a successor serves, where nothing else is said: a working day and the night after it.
inline constexpr Duration kOldKeysFor = std::chrono::hours(24);
// Between looks whether old keys are of use to anybody still, while there are any.
inline constexpr Duration kKeyLook = std::chrono::seconds(1);
// Between searches for a remote end that may have newer keys than those of the session in use. Each is a few datagrams
// over every route, and tells a second later.
inline constexpr Duration kSearchAgain = std::chrono::seconds(30);

// --- Implementation limits. ---

// The initiator makes a new session after this many packets, far below wire::kCounterLimit, so that nothing is lost.
inline constexpr uint64_t kRekeyPackets = uint64_t{1} << 35;

// Sessions of one association that may live at once, of which the newest are kept: confirmed ones, and ones that were
// answered but not yet confirmed, of each side's handshakes. With rekeys every 120 s and keys that die after 180 s, two
// or three live in practice.
inline constexpr size_t kMaxConfirmedSessions = 6;
inline constexpr size_t kMaxUnconfirmedSessions = 4;

// The longest time between two repetitions of an initiation to a map. A map that a million nodes miss hears 70,000 of
// them a second, when it comes back, which it can afford to refuse beside the handshakes that it makes.
inline constexpr std::chrono::seconds kMapGreetingMax{30};

// Attempts of one handshake of ours, by one pair of keys, whose answers are still taken; the newest of all is sent.
inline constexpr size_t kMaxAttempts = 4;

// Initiations of one remote key that proved to be new and are answered: a burst, then this many a second. Copies and
// recordings are not counted.
inline constexpr uint32_t kInitiationBurst = 10;
inline constexpr uint32_t kInitiationsPerSecond = 5;

// Handshakes that may cost a node Diffie-Hellman work for strangers. When the bucket is less than half full, the node
// is under load, and computes nothing for an initiation without a cookie.
inline constexpr uint32_t kHandshakeBurst = 400;
inline constexpr uint32_t kHandshakesPerSecond = 800;
// Answers that cost no Diffie-Hellman: cookies and repeated responses.
inline constexpr uint32_t kReplyBurst = 1000;
inline constexpr uint32_t kRepliesPerSecond = 2000;
// Retries to attempts of ours that are followed by another attempt: a burst, then this many a second. A peer that sends
// them without end must not drive a node.
inline constexpr uint32_t kRetryBurst = 4;
inline constexpr uint32_t kRetriesPerSecond = 1;
// Responses to our own initiations that the responder made. Reading one costs two Diffie-Hellmans.
inline constexpr uint32_t kResponseBurst = 16;
inline constexpr uint32_t kResponsesPerSecond = 20;

// The share of a budget that one network of senders has while less than half of the budget is left: a sixteenth. The
// networks are counted in so many buckets, in which a keyed hash puts them.
inline constexpr uint32_t kBudgetShares = 16;
inline constexpr size_t kBudgetBuckets = 1024;

// Initiations of the last seconds, remembered so that their copies are recognised: so many that led to a session, and
// so many that were answered by a retry.
inline constexpr size_t kMaxRememberedInitiations = 4096;
// Initiations that a map has let in and not yet answered.
inline constexpr size_t kMaxWaitingInitiations = 2048;
// Of each of these, places that copies of it came from: it comes by each port of a node.
inline constexpr size_t kMaxWaitingCopies = 16;
// Cookies kept by an initiator: one a route.
inline constexpr size_t kMaxCookies = 512;

// Datagrams of all peers to endpoints that have not answered: probes and copies of handshake messages.
inline constexpr uint32_t kUnansweredBurst = 1000;
inline constexpr uint32_t kUnansweredPerSecond = 1000;
// The share of one peer: an initiation over each of eight paths; and where the peer has been heard within the silence
// time, confirms and some probes over each of them as well.
inline constexpr uint32_t kUnansweredShare = 8;
inline constexpr uint32_t kUnansweredShareHeard = 64;

// What one call of Node::HandleTimeout does at most before everybody else has a turn: peers served, peers told of a
// change of the ports, and datagrams made, with which the last of the peers may exceed the bound.
inline constexpr size_t kPeersPerTurn = 64;
inline constexpr size_t kDatagramsPerTimeout = 128;

// Endpoints of a peer, from each source of knowledge.
inline constexpr size_t kMaxEndpoints = 16;
// Paths of one peer.
inline constexpr size_t kMaxPaths = 256;
// Learned endpoints of one remote port, the newest first.
inline constexpr size_t kMaxLearnedPerPort = 4;
// Remote ports whose newest probe is remembered, per peer.
inline constexpr size_t kMaxRemotePorts = 64;
// Probes of a path that may still be answered.
inline constexpr size_t kMaxOutstandingProbes = 64;
// A path is lost after this many probes without an answer, if path_lost_after has passed too. A path that loses probes
// all the time needs more, so many that a working path is lost by chance less than once in a thousand times.
inline constexpr uint32_t kLostAfterProbes = 5;
inline constexpr uint32_t kLostAfterProbesMax = 25;
// Padded probes of one size, after which it has failed where the path works otherwise. A path that loses probes all the
// time needs more, as above.
inline constexpr uint32_t kSizeProbes = 3;
// While large payloads flow, the size in use is asked for so often; one that was found not to pass, after the first
// time and then after twice as long, up to the second.
inline constexpr Duration kSizeConfirm = std::chrono::seconds(1);
// However often somebody says that it is too large, it is not asked for again sooner.
inline constexpr Duration kSizeAskedAgain = std::chrono::milliseconds(200);
inline constexpr Duration kSizeRaiseMin = std::chrono::seconds(5);
inline constexpr Duration kSizeRaiseMax = std::chrono::seconds(600);
// Paths over which an answer returns besides the path of its probe, where its sender hears nothing over that.
inline constexpr size_t kMaxAnswerPaths = 2;
// Feedback. Rates are bytes a second.
inline constexpr int64_t kFeedbackFastRate = 20'000'000 / 8;
inline constexpr int64_t kFeedbackSlowRate = 1'000'000 / 8;
inline constexpr int kFeedbackEchoes = 3;
// Every so many go over all paths, because the best one may have died.
inline constexpr uint32_t kFeedbackEverywhere = 5;
// What feedback may cost: this share of the bytes that came, and so many bytes a second; saved up to the last.
inline constexpr int64_t kFeedbackShare = 100;
inline constexpr int64_t kFeedbackPerSecond = 2000;
inline constexpr int64_t kFeedbackSaved = 16000;
// What is urgent may borrow so much of the time to come.
inline constexpr int64_t kFeedbackBorrowed = 8000;
// The first feedback after a pause may borrow so much more, or those that follow the last payload would take its bytes.
inline constexpr int64_t kFeedbackFirst = 2000;
// A path on which a payload came within this time works.
inline constexpr Duration kFeedbackAlive = std::chrono::milliseconds(40);
// Messages of one feedback, of which each names kMaxFeedbackWords blocks of counters.
inline constexpr size_t kMaxFeedbackMessages = 4;
// Where a feedback was lost, these after it name its counters once more.
inline constexpr size_t kFeedbackRepeats = 2;
// For so long after payloads came in another session, feedback also says what was delivered of the one before.
inline constexpr Duration kFeedbackBefore = std::chrono::milliseconds(500);
// A path on which no payload came for so long holds back the counters that are named no more.
inline constexpr Duration kFeedbackFresh = std::chrono::seconds(1);
// Limits of what may come in by ports. Feedback takes them along so often; sooner where they have changed, though not
// at each change of the peers that share a port.
inline constexpr Duration kLimitsRepeated = std::chrono::seconds(1);
inline constexpr Duration kLimitsChanged = std::chrono::milliseconds(100);
// No less is told or believed, in kbit/s.
inline constexpr uint32_t kLeastLimit = 8;
// Limits of a peer that change something: a burst, then this many a second.
inline constexpr uint32_t kLimitChangesBurst = 10;
inline constexpr uint32_t kLimitChangesPerSecond = 10;
// A peer's messages that ports of its are down, where they change something: likewise.
inline constexpr uint32_t kPortsDownBurst = 10;
inline constexpr uint32_t kPortsDownPerSecond = 10;
// Payload copies after which the peer's reports say whether they arrive. Less than the first share: they do not. Less
// than the second: another address of the same interface may be better.
inline constexpr uint64_t kJudgedCopies = 64;
// Those copies are gathered for at least this long.
inline constexpr Duration kJudgedFor = std::chrono::seconds(1);
inline constexpr double kArrivingShare = 1.0 / 16;
inline constexpr double kGoodShare = 7.0 / 8;
// Payloads that do not arrive count against a path only where it answered more of the probes of the same time.
inline constexpr double kProbesOfWorkingPath = 1.0 / 2;
// Copies that no report has followed, after which another address of the same interface is tried. Being wrong costs
// nothing, so that few will do.
inline constexpr uint64_t kUnreportedCopies = 2;
// So long, and a round trip more, the report is waited for.
inline constexpr Duration kReportsMissing = std::chrono::seconds(2);
// Where no path is active, those that were active so long before the last one carry on. They are not lost at once,
// since a path is waited for as long as its round trip takes.
inline constexpr Duration kCarryOn = std::chrono::seconds(15);
// So long after our NAT has left an address, a path there is taken for a hairpin: longer than it may take to be lost.
inline constexpr Duration kHairpinStays = kCarryOn;
// A path that was lost carries for so long still, until it is known whether the others are lost for the same reason.
inline constexpr Duration kLostCarries = std::chrono::seconds(1);
// Where no path leads to a peer for so long, maps are asked for a relay. It is left when another path has worked for a
// moment, in which payloads go over both, and given up when one has for a while.
inline constexpr Duration kRelayAfter = std::chrono::seconds(1);
inline constexpr Duration kRelayOverlap = std::chrono::milliseconds(500);
inline constexpr Duration kRelayLinger = std::chrono::seconds(30);
// A path that a peer's probe woke is probed at once, but not more often than this.
inline constexpr Duration kWakeInterval = std::chrono::milliseconds(20);

// The steps in which the silence of an idle path grows (pace/keep_alive.h). Both ends know them: docs/wire-format.md.
inline constexpr Duration kSilences[] = {
    std::chrono::milliseconds(2500), std::chrono::seconds(4),  std::chrono::seconds(6),
    std::chrono::seconds(9),         std::chrono::seconds(13), std::chrono::seconds(20),
    std::chrono::seconds(30),        std::chrono::seconds(45), std::chrono::seconds(60)};
inline constexpr uint8_t kSilenceSteps = std::size(kSilences);
// One path of each peer is never silent for longer than this step, so that a peer that dies is missed.
inline constexpr uint8_t kAnchorSilence = 5;
// A peer is idle for so long before silences grow.
inline constexpr Duration kIdleBeforeSilence = std::chrono::seconds(30);
// A silence that was too long is tried again after this time.
inline constexpr Duration kSilenceTriedAgain = std::chrono::hours(1);
// So long after its turn the other end's probe is waited for, beside the round trip. Less than half of path_lost_after,
// within which the other end would lose the path.
inline constexpr Duration kTurnOverdue = std::chrono::milliseconds(400);
// Where both ends think that it is their turn, the one that leads is first by this.
inline constexpr Duration kLeadersHaste = std::chrono::milliseconds(200);

// Datagrams that wait for NextTransmit. Further ones are dropped.
inline constexpr size_t kMaxTransmits = 16384;

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_CONSTANTS_H_
