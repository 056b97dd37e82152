// What files of a node and of a map have in common, for those who follow a changed one: the lines of its keys, so that
// what is found out later is said with the place, and a reading that waits until the file stands still.
#ifndef WARP_CONTROL_CONFIG_DIFF_FILE_LINES_H_
#define WARP_CONTROL_CONFIG_DIFF_FILE_LINES_H_

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace warp::config {

class FileLines {
 public:
  FileLines() = default;
  // Of the keys of this YAML; of text that is none, nothing.
  explicit FileLines(absl::string_view text);

  // The line of the key ("ports[1].rate.up"), or of the nearest one above it that the file has. From 1.
  int Of(absl::string_view key) const;

 private:
  absl::flat_hash_map<std::string, int> lines_;
};

// Two readings of a file with a pause in between have to be the same; where `reads` of them all differ, that is an
// error.
struct SettledOptions {
  std::chrono::milliseconds pause{100};
  int reads = 20;
  std::function<void()> before_reading = [] {};  // tests
};

// Reads by `load` until the file at `path` stands still: the first half of a file that is being written may be a
// configuration as well, though another one. `load` also gives what it has read, as text, or what stands for that.
// Sleeps; any thread.
template <typename File>
absl::StatusOr<File> LoadSettled(
    const std::string& path, const SettledOptions& options,
    const std::function<absl::StatusOr<File>(const std::string& path, std::string* text)>& load) {
  std::optional<std::string> before;
  for (int read = 0; read < options.reads; ++read) {
    if (read > 0) std::this_thread::sleep_for(options.pause);
    options.before_reading();
    std::string text;
    absl::StatusOr<File> file = load(path, &text);
    if (before == text) return file;
    before = std::move(text);
  }
  return absl::UnavailableError(
      absl::StrCat(path, ": is being written all the time: try again when it stands"));
}

// LoadSettledNodeFile, or LoadSettledMapFile.
template <typename File>
absl::StatusOr<File> LoadSettledFile(const std::string& path);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_DIFF_FILE_LINES_H_
