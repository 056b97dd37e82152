#include "control/protocol/session/association_messages.h"

namespace warp::protocol {

bool HandleAssociationMessage(Instant now, const OpenedMessage& opened,
                              const ControlMessage& message, Association& association,
                              Outbox& outbox) {
  if (std::holds_alternative<Confirm>(message)) {
    association.HandleConfirm(now, opened.arrival, opened.session, outbox);
    return true;
  }
  if (std::holds_alternative<Close>(message)) {
    association.HandleClose(now, opened.session);
    return true;
  }
  return false;
}

wire::Drop HandleAssociationMessage(Instant now, const OpenedMessage& opened,
                                    Association& association, Outbox& outbox) {
  const auto decoded = DecodeControlMessage(opened.plaintext);
  if (const auto* drop = std::get_if<wire::Drop>(&decoded)) return *drop;
  const auto& message = std::get<ControlMessage>(decoded);
  return HandleAssociationMessage(now, opened, message, association, outbox)
             ? wire::Drop::kNone
             : wire::Drop::kUnknownKind;
}

}  // namespace warp::protocol
