// A configuration and the lines of its keys, so that what is found out later can be said with the place in the file.
#ifndef WARP_CONTROL_CONFIG_DIFF_NODE_FILE_H_
#define WARP_CONTROL_CONFIG_DIFF_NODE_FILE_H_

#include <chrono>
#include <functional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/config/diff/config_diff.h"
#include "control/config/file/key_files.h"
#include "control/config/node_config.h"

namespace warp::config {

struct NodeFile {
  std::string path;  // as messages call it
  NodeConfig config;
  absl::flat_hash_map<std::string, int> lines;  // by path: "ports[1].rate.up"

  // The line of the key, or of the nearest one above it that the file has. From 1.
  int LineOf(absl::string_view key) const;
  // "FILE:LINE: ports[1].rate.up: " of a key of a change, or "FILE: " where the file has no such entry. `key` may be
  // empty: the entry itself.
  std::string Place(const EntryChange& change, absl::string_view key) const;
};

// As LoadNodeConfig, and with the same errors. May wait for the disk; any thread.
absl::StatusOr<NodeFile> LoadNodeFile(const std::string& path,
                                      KeyFiles key_files = KeyFiles::kRead);

// As LoadNodeFile with key files, of a file that stands still: the first half of a file that is being written may be a
// configuration as well, though another one. Two readings with a pause in between have to be the same; where `reads` of
// them all differ, that is an error. Sleeps; any thread.
struct SettledOptions {
  std::chrono::milliseconds pause{100};
  int reads = 20;
  std::function<void()> before_reading = [] {};  // tests
};
absl::StatusOr<NodeFile> LoadSettledNodeFile(const std::string& path,
                                             const SettledOptions& options = {});

// The changes that need a restart, each in a sentence with its place in the file of `after` and what to do; for all of
// them together with a line each. Empty: a running node can follow all changes.
std::string WhatNeedsRestart(const std::vector<EntryChange>& changes, const NodeFile& after);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_DIFF_NODE_FILE_H_
