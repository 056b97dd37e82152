// Small files of what is kept over restarts: one of a kind for each node, replaced as a whole.
#ifndef WARP_CONTROL_STATE_STATE_FILE_H_
#define WARP_CONTROL_STATE_STATE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::state {

// DIRECTORY/KIND-0123456789abcdef, with the first bytes of the node's key, so that nodes of one machine share no file.
std::string StateFilePath(const std::string& directory, absl::string_view kind,
                          const wire::PublicKey& node);

// Makes the directory, where only its last part is missing, and replaces the file: what is there after a crash at any
// moment is the old contents or the new ones. The error says in one sentence what went wrong. It may wait for the disk.
absl::Status ReplaceStateFile(const std::string& path, absl::string_view text);

// Keeps a file that cannot be read for people, as PATH.bad. It stays where it is, too, until it is replaced: a crash
// in between must not look like a first start.
void KeepAside(const std::string& path);

}  // namespace warp::state

#endif  // WARP_CONTROL_STATE_STATE_FILE_H_
