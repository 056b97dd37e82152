// Confirm and close: the control messages that belong to an association itself. A node handles them from its peers and
// from its maps, a map from its nodes; all of them call this.
#ifndef WARP_CONTROL_PROTOCOL_SESSION_ASSOCIATION_MESSAGES_H_
#define WARP_CONTROL_PROTOCOL_SESSION_ASSOCIATION_MESSAGES_H_

#include "control/protocol/control_message.h"
#include "control/protocol/opened_message.h"
#include "control/protocol/session/association.h"

namespace warp::protocol {

// `message` is what `opened` says. True when it is one of the two and the association has taken it.
bool HandleAssociationMessage(Instant now, const OpenedMessage& opened,
                              const ControlMessage& message, Association& association,
                              Outbox& outbox);

// Serves an end that understands no control messages but these two: a session between a node and a map. Gives
// kMalformed if the plaintext is not a control message, and kUnknownKind if it is another one.
wire::Drop HandleAssociationMessage(Instant now, const OpenedMessage& opened,
                                    Association& association, Outbox& outbox);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SESSION_ASSOCIATION_MESSAGES_H_
