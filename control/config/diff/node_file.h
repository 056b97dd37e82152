// A configuration and the lines of its keys, so that what is found out later can be said with the place in the file.
#ifndef WARP_CONTROL_CONFIG_DIFF_NODE_FILE_H_
#define WARP_CONTROL_CONFIG_DIFF_NODE_FILE_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/config/diff/config_diff.h"
#include "control/config/diff/file_lines.h"
#include "control/config/file/key_files.h"
#include "control/config/node_config.h"

namespace warp::config {

struct NodeFile {
  std::string path;  // as messages call it
  NodeConfig config;
  FileLines lines;

  int LineOf(absl::string_view key) const { return lines.Of(key); }
  // "FILE:LINE: ports[1].rate.up: " of a key of a change, or "FILE: " where the file has no such entry. `key` may be
  // empty: the entry itself.
  std::string Place(const EntryChange& change, absl::string_view key) const;
};

// As LoadNodeConfig, and with the same errors. May wait for the disk; any thread.
absl::StatusOr<NodeFile> LoadNodeFile(const std::string& path,
                                      KeyFiles key_files = KeyFiles::kRead);

// As LoadNodeFile with key files, of a file that stands still (LoadSettled). Sleeps; any thread.
absl::StatusOr<NodeFile> LoadSettledNodeFile(const std::string& path,
                                             const SettledOptions& options = {});
template <>
inline absl::StatusOr<NodeFile> LoadSettledFile<NodeFile>(const std::string& path) {
  return LoadSettledNodeFile(path);
}

// The changes that need a restart, each in a sentence with its place in the file of `after` and what to do; for all of
// them together with a line each. Empty: a running node can follow all changes.
std::string WhatNeedsRestart(const std::vector<EntryChange>& changes, const NodeFile& after);
// The same of any file: `place` says where a key of a change stands, and `program` is what has to be restarted.
std::string WhatNeedsRestart(
    const std::vector<EntryChange>& changes, absl::string_view program,
    absl::FunctionRef<std::string(const EntryChange& change, absl::string_view key)> place);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_DIFF_NODE_FILE_H_
