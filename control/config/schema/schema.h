// The keys of a configuration, each declared once: name, type, default, reason, and the member it
// fills. The same declaration reads a file, writes the example and writes the reference tables of
// the documentation.
//
//   SectionOf<PortConfig> section;
//   section.Scalar("name", &PortConfig::name, Name()).Required().Example("wan0").Why("...");
//
// The default of a key is what a default-constructed object holds. Sections live for ever, made at
// first use. What an object holds can be listed by the same declaration (Section::List), so that two of them can be
// compared.
#ifndef WARP_CONTROL_CONFIG_SCHEMA_SCHEMA_H_
#define WARP_CONTROL_CONFIG_SCHEMA_SCHEMA_H_

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "control/config/schema/codec.h"
#include "control/config/schema/document.h"
#include "control/config/schema/reader.h"

namespace warp::config {

class Section;

// Gets a value as it would be written, and the path that names it: "rate.up".
using Lister = absl::FunctionRef<void(const std::string& path, const std::string& text)>;

struct Key {
  enum class Shape { kScalar, kScalars, kSection, kSections };

  std::string name;
  Shape shape = Shape::kScalar;
  const Section* section = nullptr;  // of kSection and kSections
  std::string type;
  std::string unit;
  std::string fallback;  // the default as it would be written; empty: none
  bool fallback_in_words = false;
  std::string reason;
  std::string example;
  bool required = false;
  bool shown = false;  // stands in the example; others stand there as comments
  std::function<void(Reader&, const Value&, const std::string& path, void* object)> read;
  // What `read` takes, of the object's value. Only of a scalar that a member holds.
  std::function<std::string(const void* object)> write;
  // Lists what the object has of this key, whose path is `path`.
  std::function<void(const void* object, const std::string& path, Lister each)> list;

  Key& Required() {
    required = shown = true;
    return *this;
  }
  Key& Why(absl::string_view text) {
    reason = std::string(text);
    return *this;
  }
  Key& Example(absl::string_view text) {
    example = std::string(text);
    return *this;
  }
  Key& Shown() {
    shown = true;
    return *this;
  }
  // What happens without the key, in words, where no value says it.
  Key& Otherwise(absl::string_view words) {
    fallback = std::string(words);
    fallback_in_words = true;
    return *this;
  }
};

class Section {
 public:
  Section() = default;
  Section(Section&&) = default;

  const std::list<Key>& keys() const { return keys_; }
  std::vector<std::string> KeyNames() const;

  // Reads the map's keys into `object`, which is of the section's type, then checks the object as a
  // whole.
  void Read(Reader& reader, const Value& map, const std::string& path, void* object) const;

  // Calls `each` for all values of the object, which is of the section's type, in the order of the declaration: the
  // default where the file says nothing, and nothing of a section or a list item that is not there.
  void List(const void* object, const std::string& path, Lister each) const;

 protected:
  Key& Add(absl::string_view name, Key::Shape shape) {
    return keys_.emplace_back(Key{.name = std::string(name), .shape = shape});
  }

  std::list<Key> keys_;  // addresses hold: declarations go on after Add
  std::function<void(Reader&, const std::string& path, void* object)> check_;
};

template <typename T>
class SectionOf : public Section {
  // A field of the section's struct.
  template <typename M>
  using Member = M T::*;

 public:
  template <typename M>
  Key& Scalar(absl::string_view name, Member<M> member, Codec<M> codec) {
    Key& key = Add(name, Key::Shape::kScalar);
    key.type = codec.type;
    key.unit = codec.unit;
    const T defaults{};
    key.fallback = codec.write(defaults.*member);
    key.read = [=](Reader& reader, const Value& value, const std::string& path, void* object) {
      reader.ReadScalar(value, path, codec, static_cast<T*>(object)->*member);
    };
    key.write = [=](const void* object) {
      return codec.write(static_cast<const T*>(object)->*member);
    };
    key.list = [=](const void* object, const std::string& path, Lister each) {
      each(path, codec.write(static_cast<const T*>(object)->*member));
    };
    return key;
  }

  // Declares a value that no member holds by itself. `place` returns where it is kept, and may first choose the
  // alternative of a variant that holds it. Keys are read in the order of the file.
  template <typename M>
  Key& Scalar(absl::string_view name, M& (*place)(T&), Codec<M> codec) {
    Key& key = Add(name, Key::Shape::kScalar);
    key.type = codec.type;
    key.unit = codec.unit;
    T defaults{};
    key.fallback = codec.write(place(defaults));
    key.read = [=](Reader& reader, const Value& value, const std::string& path, void* object) {
      reader.ReadScalar(value, path, codec, place(*static_cast<T*>(object)));
    };
    // Of a copy, because `place` may choose another alternative than the object has: the default is listed then.
    key.list = [=](const void* object, const std::string& path, Lister each) {
      T copy = *static_cast<const T*>(object);
      each(path, codec.write(place(copy)));
    };
    return key;
  }

  template <typename M>
  Key& Scalars(absl::string_view name, Member<std::vector<M>> member, Codec<M> codec, size_t min,
               size_t max) {
    Key& key = Add(name, Key::Shape::kScalars);
    key.type = absl::StrCat("list of ", codec.type, ", ", min, " to ", max);
    const auto write = [=](const T& object) {
      std::string text;
      for (const M& value : object.*member) {
        absl::StrAppend(&text, text.empty() ? "" : ", ", Quote(codec.write(value)));
      }
      return text.empty() ? text : absl::StrCat("[", text, "]");
    };
    key.fallback = write(T{});
    key.list = [=](const void* object, const std::string& path, Lister each) {
      each(path, write(*static_cast<const T*>(object)));
    };
    key.read = [=](Reader& reader, const Value& value, const std::string& path, void* object) {
      std::vector<M>& values = static_cast<T*>(object)->*member;
      values.clear();
      const auto read_item = [&](const Value& item, const std::string& at) {
        reader.ReadScalar(item, at, codec, values.emplace_back());  // wrong ones keep their place
      };
      if (value.kind != Value::Kind::kScalar) {
        reader.ForEachItem(value, path, min, max, read_item);
        return;
      }
      // One value needs no brackets.
      reader.Locate(ItemPath(path, 0), value.line);
      read_item(value, ItemPath(path, 0));
    };
    return key;
  }

  // Declares the keys of `section` among those of this one. They fill the object that `member` holds.
  template <typename M>
  void Embed(Member<M> member, const SectionOf<M>& section) {
    for (const Key& key : section.keys()) {
      Key& own = keys_.emplace_back(key);
      own.read = [member, read = key.read](Reader& reader, const Value& value,
                                           const std::string& path, void* object) {
        read(reader, value, path, &(static_cast<T*>(object)->*member));
      };
      own.list = [member, list = key.list](const void* object, const std::string& path,
                                           Lister each) {
        list(&(static_cast<const T*>(object)->*member), path, each);
      };
      if (key.write == nullptr) continue;
      own.write = [member, write = key.write](const void* object) {
        return write(&(static_cast<const T*>(object)->*member));
      };
    }
  }

  // Its keys are read, and missing ones found, whether the file has the section or not.
  template <typename M>
  Key& Nested(absl::string_view name, Member<M> member, const SectionOf<M>& section) {
    Key& key = Add(name, Key::Shape::kSection);
    key.section = &section;
    key.read = [=, &section](Reader& reader, const Value& value, const std::string& path,
                             void* object) {
      section.Read(reader, value, path, &(static_cast<T*>(object)->*member));
    };
    key.list = [=, &section](const void* object, const std::string& path, Lister each) {
      section.List(&(static_cast<const T*>(object)->*member), path, each);
    };
    return key;
  }
  // Set where the file has the section.
  template <typename M>
  Key& Nested(absl::string_view name, Member<std::optional<M>> member,
              const SectionOf<M>& section) {
    Key& key = Add(name, Key::Shape::kSection);
    key.section = &section;
    key.read = [=, &section](Reader& reader, const Value& value, const std::string& path,
                             void* object) {
      if (value.line == 0) return;  // not in the file
      section.Read(reader, value, path, &(static_cast<T*>(object)->*member).emplace());
    };
    key.list = [=, &section](const void* object, const std::string& path, Lister each) {
      const std::optional<M>& held = static_cast<const T*>(object)->*member;
      if (held.has_value()) section.List(&*held, path, each);
    };
    return key;
  }

  // The same, of which `true` has all that the section says by itself, and `false` stands for none.
  template <typename M>
  Key& NestedOrTrue(absl::string_view name, Member<std::optional<M>> member,
                    const SectionOf<M>& section) {
    Key& key = Nested(name, member, section);
    key.type = "true or false, or keys below";
    key.read = [=, &section, read = key.read](Reader& reader, const Value& value,
                                              const std::string& path, void* object) {
      if (value.kind != Value::Kind::kScalar) return read(reader, value, path, object);
      std::optional<M>& held = static_cast<T*>(object)->*member;
      if (value.text == "true") return section.Read(reader, Value(), path, &held.emplace());
      if (value.text != "false")
        reader.Fail(path,
                    Unacceptable(value.text, "is not true, false or a map of keys").message());
    };
    return key;
  }

  template <typename M>
  Key& Sections(absl::string_view name, Member<std::vector<M>> member, const SectionOf<M>& section,
                size_t min, size_t max) {
    Key& key = Add(name, Key::Shape::kSections);
    key.section = &section;
    key.type = absl::StrCat("list, ", min, " to ", max);
    if (min == 0) key.fallback = "[]";
    key.read = [=, &section](Reader& reader, const Value& value, const std::string& path,
                             void* object) {
      std::vector<M>& objects = static_cast<T*>(object)->*member;
      reader.ForEachItem(value, path, min, max, [&](const Value& item, const std::string& at) {
        section.Read(reader, item, at, &objects.emplace_back());
      });
    };
    key.list = [=, &section](const void* object, const std::string& path, Lister each) {
      const std::vector<M>& objects = static_cast<const T*>(object)->*member;
      for (size_t i = 0; i < objects.size(); ++i)
        section.List(&objects[i], ItemPath(path, i), each);
    };
    return key;
  }

  // Adds a check that concerns several keys of one object. It is called once they were read, right or wrong.
  void Check(std::function<void(Reader&, const std::string& path, T& object)> check) {
    check_ = [check = std::move(check)](Reader& reader, const std::string& path, void* object) {
      check(reader, path, *static_cast<T*>(object));
    };
  }
};

// A section is declared once, at its first use, and never destroyed.
template <typename T>
const SectionOf<T>& Declare(void (*declare)(SectionOf<T>&)) {
  auto* section = new SectionOf<T>();
  declare(*section);
  return *section;
}

// "node.listen_port": the place of the first key of that name below `section`, or empty. List
// elements are written "ports[]".
std::string FindKey(const Section& section, absl::string_view name);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_SCHEMA_SCHEMA_H_
