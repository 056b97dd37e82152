// A state file that follows its node from key to key. It is named by the node's key, and so it moves when the node gets
// another one (StateFilePath): it is written under the new name, and after that the old one is removed.
//
// A crash may come between the two, and whoever starts the node next may give it the key of before again. So a file
// that has moved says in a first line of its own how often it has, and which keys the node had before:
//
//   warp-moved 1 TURN KEY *( ( "was" | "gone" ) FORMER-KEY )
//
// "was": a file of this key may be there still, and is older than this one. "gone": it was removed, and what has that
// name now is another node's. A node that finds no file under its key, or an older one that this one "was", takes the
// file that names its key, and moves it back. A node whose key has never changed has no such line.
#ifndef WARP_CONTROL_STATE_MOVING_FILE_H_
#define WARP_CONTROL_STATE_MOVING_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::state {

// So many keys of before are named.
inline constexpr size_t kMostFormer = 4;

// What tells a file from another one that has its name.
struct Stamp {
  ino_t inode = 0;
  int64_t changed = 0;  // nanoseconds
  friend bool operator==(const Stamp&, const Stamp&) = default;
};

struct Former {
  wire::PublicKey key;
  bool gone = false;
  Stamp stamp = {};  // of the file that is to be removed
};

// What a file says of the node it is of.
struct Origin {
  wire::PublicKey node;
  uint64_t turn = 0;                // 0: it has not moved
  std::vector<Former> former = {};  // the latest first
  Stamp stamp = {};
};

struct FoundFile {
  Origin origin;
  std::string body;  // all but the line above
};

// Where a node's file is looked for.
struct Place {
  std::string directory;
  std::string kind;
  wire::PublicKey node;
  std::vector<wire::PublicKey> former = {};  // its keys of before in this run, the latest first
};

// nullopt where there is none. The error is InvalidArgument, a phrase that does not name the file. Any thread; it may
// wait for the disk.
absl::StatusOr<std::optional<FoundFile>> FindStateFile(const Place& place, size_t limit);

// Control thread.
class MovingFile {
 public:
  MovingFile(std::string directory, std::string kind, const wire::PublicKey& node);

  const std::string& path() const { return path_; }
  const wire::PublicKey& node() const { return node_; }
  Place place() const;

  // What FindStateFile has found; null: nothing, or what cannot be read. True where it has another name than the node,
  // and should be written soon.
  bool Follow(const Origin* origin);
  // The node has another key. A file of that name which was not this one's is kept aside.
  void SetNode(const wire::PublicKey& node);

  struct Written {
    absl::Status status;
    uint64_t turn = 0;
    std::vector<wire::PublicKey> gone;
  };
  // What writes these contents, on a thread that may wait for the disk; what it returns is for NoteWritten. Several are
  // to be called in the order of these calls. `keep_bad`: what is there cannot be read, and is kept aside.
  std::function<Written()> Writer(const std::string& body, bool keep_bad);
  void NoteWritten(const Written& written);

 private:
  const std::string directory_;
  const std::string kind_;
  wire::PublicKey node_;
  std::string path_;
  bool known_ = false;   // Follow was called
  bool exists_ = false;  // it was found or written under this name
  bool aside_ = false;   // what has this name was not this one's
  uint64_t turn_ = 0;
  std::vector<Former> former_;
  // Of files that are this node's, by their paths. Follow fills it, and afterwards it is the writers' alone.
  const std::shared_ptr<std::map<std::string, Stamp>> stamps_;
};

}  // namespace warp::state

#endif  // WARP_CONTROL_STATE_MOVING_FILE_H_
