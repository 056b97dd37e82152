// What a peer does while payloads flow. The rest of it is in peer.cc.
#include <algorithm>

#include "control/protocol/node/peer.h"

namespace warp::protocol {

void Peer::BeginUse(Instant now) {
  in_use_ = true;
  next_report_ = now + context_.identity.timers().report_interval;
  arrivals_.Begin(now);
  for (Path& path : paths_.paths()) path.SetInUse(now, context_.identity.timers(), true);
  next_timeout_.reset();
}

void Peer::HandleUse(Instant now) {
  const Timers& timers = context_.identity.timers();
  SendReports(now);
  if (arrivals_.HandleSilence(now, timers, paths_)) Elect(now);
  next_report_ = now + timers.report_interval;
  if (now - last_use_ < std::max(timers.use_linger, arrivals_.Patience(paths_))) return;
  in_use_ = false;
  next_report_ = kNever;
  for (Path& path : paths_.paths()) path.SetInUse(now, timers, false);
}

void Peer::SendReports(Instant now) {
  for (const Report& report : arrivals_.TakeReports(now, paths_)) {
    const std::vector<uint8_t> message = EncodeControlMessage(report);
    for (const Way& way : paths_.BestWays(now, kMaxAnswerPaths, std::nullopt)) {
      association_.Send(now, way, message, context_.outbox);
    }
  }
}

// --- Feedback. ---

void Peer::NotePayload(Instant now, const wire::Session* session, uint64_t counter) {
  NoteUse(now);
  // Feedback speaks of the session in use; of handshakes that crossed, the other one may be newer.
  if (!feedback_.asked() || session != association_.send_session().get()) return;
  const Timers& timers = context_.identity.timers();
  if (feedback_.NotePayload(now, timers, session->local_index(), counter)) next_timeout_.reset();
}

void Peer::SetSpreads(Instant now, bool spreads) {
  if (spreads == spreads_) return;
  spreads_ = spreads;
  for (Path& path : paths_.paths()) path.Wake(now);
  next_timeout_.reset();
}

void Peer::SendFeedback(Instant now) {
  const std::shared_ptr<wire::Session> session = association_.send_session();
  if (session == nullptr) return feedback_.Stop();
  arrivals_.Count(now, paths_);
  const FeedbackBook::Batch batch =
      feedback_.Take(now, context_.identity.timers(), *session, arrivals_, paths_);
  if (batch.messages.empty()) return;
  std::vector<Way> ways = paths_.BestWays(now, kMaxFeedbackPaths, std::nullopt);
  if (!batch.everywhere && !ways.empty()) {
    const auto works = [&](const Way& way) {
      return std::find(batch.ports.begin(), batch.ports.end(), way.route.port) != batch.ports.end();
    };
    const auto best = std::find_if(ways.begin(), ways.end(), works);
    ways = {best == ways.end() ? ways.front() : *best};
  }
  for (const Feedback& feedback : batch.messages) {
    const std::vector<uint8_t> message = EncodeControlMessage(feedback);
    // Each is sealed separately: the peer would count the copies of one as payloads.
    for (const Way& way : ways) association_.Send(now, way, message, context_.outbox);
  }
}

}  // namespace warp::protocol
