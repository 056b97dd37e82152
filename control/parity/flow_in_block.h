// How the payloads of a block count where they may be of several flows: as if the flow stood in front of the bytes
// (dataplane/wire/message.h). Pure.
#ifndef WARP_CONTROL_PARITY_FLOW_IN_BLOCK_H_
#define WARP_CONTROL_PARITY_FLOW_IN_BLOCK_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/message.h"

namespace warp::parity {

// Replaces what is in `out`.
inline void PutBehindFlow(const wire::Flow& flow, wire::Bytes payload, std::vector<uint8_t>* out) {
  out->assign({flow.number, static_cast<uint8_t>(flow.answer ? 1 : 0), flow.dscp});
  out->insert(out->end(), payload.begin(), payload.end());
}

// Takes the flow off the front. nullopt: there is none.
inline std::optional<wire::Flow> TakeFlow(std::vector<uint8_t>* payload) {
  if (payload->size() < wire::kFlowInBlock || (*payload)[1] > 1 || (*payload)[2] > 63) {
    return std::nullopt;
  }
  const wire::Flow flow{
      .number = (*payload)[0], .answer = (*payload)[1] == 1, .dscp = (*payload)[2]};
  payload->erase(payload->begin(), payload->begin() + wire::kFlowInBlock);
  return flow;
}

}  // namespace warp::parity

#endif  // WARP_CONTROL_PARITY_FLOW_IN_BLOCK_H_
