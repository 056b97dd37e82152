// The file that keeps what the capped ports of a node have carried. It is text, one file a node, replaced as a whole:
//
//   warp-caps 1 PUBLIC-KEY
//   port NAME UNIT FROM          ; month 3, week 1 (Monday), day 1
//   clock YEAR-MONTH-DAY DAYS    ; optional: what the clock has said last, and on how many days in a row (Ledger)
//   lost                         ; optional: what was carried before is not known
//   YEAR-MONTH-DAY BYTES         ; 1 to 4 periods, by their first days
//   end
//
// The node's key is in its name and in this first line, so that two nodes of one machine share no file, and a file that
// was copied from another node is noticed. Where the key changes it moves (moving_file.h). A file that is cut off lacks
// its end.
#ifndef WARP_CONTROL_CAP_CAP_FILE_H_
#define WARP_CONTROL_CAP_CAP_FILE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/cap/cap.h"
#include "control/state/moving_file.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::cap {

// Ports that are not configured any more keep their records: so many in all.
inline constexpr size_t kMostRecords = 128;

std::string WriteCapRecords(const wire::PublicKey& node, const std::vector<CapRecord>& records);

// The error is InvalidArgument, a phrase that does not name the file: "is of another node".
absl::StatusOr<std::vector<CapRecord>> ParseCapRecords(absl::string_view text,
                                                       const wire::PublicKey& node);

struct CapFile {
  std::vector<CapRecord> records;
  state::Origin origin;
};
// Reads the file of a place; nullopt where there is none. The error is as above. It may wait for the disk.
absl::StatusOr<std::optional<CapFile>> ReadCapFile(const state::Place& place);

}  // namespace warp::cap

#endif  // WARP_CONTROL_CAP_CAP_FILE_H_
