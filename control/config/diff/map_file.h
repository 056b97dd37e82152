// What config_diff.h and node_file.h are for a node's file, for that of a map: its differences, and the lines of its
// keys. A map's file has no entries, so that it is one entry itself.
#ifndef WARP_CONTROL_CONFIG_DIFF_MAP_FILE_H_
#define WARP_CONTROL_CONFIG_DIFF_MAP_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/config/diff/config_diff.h"
#include "control/config/diff/file_lines.h"
#include "control/config/file/key_files.h"
#include "control/config/map_config.h"

namespace warp::config {

struct MapFile {
  std::string path;  // as messages call it
  MapConfig config;
  FileLines lines;

  // "FILE:LINE: lifetime: " of a key.
  std::string Place(absl::string_view key) const;
};

// As LoadMapConfig, and with the same errors. May wait for the disk; any thread.
absl::StatusOr<MapFile> LoadMapFile(const std::string& path, KeyFiles key_files = KeyFiles::kRead);
// The same of files that stand still (LoadSettled): its own, and that of the keys that may register. Sleeps; any
// thread.
absl::StatusOr<MapFile> LoadSettledMapFile(const std::string& path,
                                           const SettledOptions& options = {});
template <>
inline absl::StatusOr<MapFile> LoadSettledFile<MapFile>(const std::string& path) {
  return LoadSettledMapFile(path);
}

// One change, of the kind kMapServer, or none. Of the keys that may register it has how many there are, and which come
// and go, where these are few: nobody reads more, and a million of them are not compared one by one in the loop.
std::vector<EntryChange> Diff(const MapConfig& before, const MapConfig& after);

// As that of a NodeFile.
std::string WhatNeedsRestart(const std::vector<EntryChange>& changes, const MapFile& after);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_DIFF_MAP_FILE_H_
