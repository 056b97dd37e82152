#include "map-server/redis/value.h"

#include <sodium.h>

#include <algorithm>
#include <cassert>

#include "absl/strings/str_cat.h"
#include "map-server/constants.h"

namespace warp::map {
namespace {

constexpr uint8_t kRegistrationForm = 1;
constexpr uint8_t kWithdrawnForm = 2;
constexpr uint8_t kListForm = 3;
constexpr uint8_t kStreamForm = 4;

constexpr size_t kOrderSize = 16;
constexpr size_t kPrintSize = 8;
constexpr size_t kNonceSize = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kTagSize = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr size_t kFormAt = kOrderSize + 8 + kPrintSize;
constexpr size_t kSealedAt = kFormAt + 1 + kNonceSize;
constexpr absl::string_view kWithdrawnField = "w";

const uint8_t* Bytes(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}
uint8_t* MutableBytes(std::string& text) { return reinterpret_cast<uint8_t*>(text.data()); }

template <size_t N>
void Append(std::string* out, const std::array<uint8_t, N>& bytes) {
  out->append(reinterpret_cast<const char*>(bytes.data()), N);
}

void AppendNumber(std::string* out, uint64_t number, int size) {
  for (int i = size - 1; i >= 0; --i) out->push_back(static_cast<char>(number >> (8 * i)));
}

void AppendEndpoint(std::string* out, const wire::Endpoint& endpoint) {
  const auto& bytes = endpoint.address.bytes();
  const bool v4 = endpoint.address.is_v4();
  out->push_back(v4 ? 4 : 6);
  out->append(reinterpret_cast<const char*>(bytes.data()) + (v4 ? 12 : 0), v4 ? 4 : 16);
  AppendNumber(out, endpoint.port, 2);
}

// Reads from the front. What is missing makes it fail, for good.
class Front {
 public:
  explicit Front(absl::string_view rest) : rest_(rest) {}

  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }
  uint64_t Number(size_t size) {
    uint64_t number = 0;
    for (const char byte : Take(size)) number = number << 8 | static_cast<uint8_t>(byte);
    return number;
  }
  template <size_t N>
  std::array<uint8_t, N> Array() {
    std::array<uint8_t, N> bytes{};
    const absl::string_view taken = Take(N);
    std::copy(taken.begin(), taken.end(), bytes.begin());
    return bytes;
  }
  wire::Endpoint ReadEndpoint() {
    wire::Endpoint endpoint;
    const uint64_t family = Number(1);
    if (family == 4) {
      endpoint.address = wire::IpAddress::V4(Array<4>());
    } else if (family == 6) {
      endpoint.address = wire::IpAddress::V6(Array<16>());
    } else {
      ok_ = false;
    }
    endpoint.port = static_cast<uint16_t>(Number(2));
    ok_ = ok_ && endpoint.port != 0;
    return endpoint;
  }

 private:
  absl::string_view Take(size_t size) {
    ok_ = ok_ && rest_.size() >= size;
    if (!ok_) return {};
    const absl::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  absl::string_view rest_;
  bool ok_ = true;
};

wire::SymmetricKey Derive(const wire::SecretKey& key, absl::string_view label) {
  wire::SymmetricKey derived;
  crypto_generichash(derived.mutable_bytes().data(), derived.bytes().size(), Bytes(label),
                     label.size(), key.bytes().data(), key.bytes().size());
  return derived;
}

std::string AdditionalData(uint8_t form, const RecordName& name, absl::string_view field,
                           absl::string_view order) {
  std::string data(1, static_cast<char>(form));
  Append(&data, name);
  absl::StrAppend(&data, form == kWithdrawnForm ? kWithdrawnField : field, order);
  return data;
}

}  // namespace

std::string EncodeOrder(const Order& order) {
  std::string bytes;
  AppendNumber(&bytes, order.epoch, 8);
  AppendNumber(&bytes, order.number, 8);
  return bytes;
}

std::optional<Order> DecodeOrder(absl::string_view bytes) {
  if (bytes.size() < kOrderSize) return std::nullopt;
  Front front(bytes);
  const uint64_t epoch = front.Number(8);
  return Order{epoch, front.Number(8)};
}

std::string RegistrationField(uint16_t port, bool v6) {
  std::string field = "r";
  AppendNumber(&field, port, 2);
  field.push_back(v6 ? '6' : '4');
  return field;
}

ValueCodec::ValueCodec(const wire::SecretKey& map_key)
    : name_key_(Derive(map_key, "WARP/1 map store name")),
      value_key_(Derive(map_key, "WARP/1 map store value")) {}

RecordName ValueCodec::NameOf(const KeyId& id) const {
  RecordName name;
  crypto_generichash(name.data(), name.size(), id.bytes().data(), id.bytes().size(),
                     name_key_.bytes().data(), name_key_.bytes().size());
  return name;
}

// --- Sealing. ---

std::string ValueCodec::Seal(const wire::PublicKey& key, const StoredRegistration& r) const {
  const std::string field = RegistrationField(r.port, r.v6());
  if (!r.live()) return SealWithdrawn(key, r.order);
  std::string plain;
  Append(&plain, key.bytes());
  AppendEndpoint(&plain, r.observed);
  const std::vector<wire::Endpoint> candidates = r.candidates.Unpack();
  AppendNumber(&plain, candidates.size(), 1);
  for (const wire::Endpoint& candidate : candidates) AppendEndpoint(&plain, candidate);
  return SealPlain(r.reachable() ? kRegistrationForm : kStreamForm, key, field, r.order, plain);
}

std::string ValueCodec::SealWithdrawn(const wire::PublicKey& key, const Order& order) const {
  std::string plain;
  Append(&plain, key.bytes());
  return SealPlain(kWithdrawnForm, key, kWithdrawnField, order, plain);
}

std::string ValueCodec::Seal(const wire::PublicKey& key, const Order& order,
                             const NamedList& list) const {
  std::string plain;
  Append(&plain, key.bytes());
  Append(&plain, list.digest);
  for (const KeyId& id : list.ids) Append(&plain, id.bytes());
  return SealPlain(kListForm, key, kAllowField, order, plain);
}

std::string ValueCodec::SealPlain(uint8_t form, const wire::PublicKey& key, absl::string_view field,
                                  const Order& order, const std::string& plain) const {
  std::array<uint8_t, crypto_generichash_BYTES> print;
  crypto_generichash(print.data(), print.size(), Bytes(plain), plain.size(),
                     value_key_.bytes().data(), value_key_.bytes().size());
  std::string body(reinterpret_cast<const char*>(print.data()), kPrintSize);
  body.push_back(static_cast<char>(form));
  const size_t nonce_at = body.size();
  body.resize(nonce_at + kNonceSize + plain.size() + kTagSize);
  uint8_t* const nonce = MutableBytes(body) + nonce_at;
  randombytes_buf(nonce, kNonceSize);
  const std::string data = AdditionalData(form, NameOf(KeyId::Of(key)), field, EncodeOrder(order));
  crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + kNonceSize, nullptr, Bytes(plain),
                                             plain.size(), Bytes(data), data.size(), nullptr, nonce,
                                             value_key_.bytes().data());
  return body;
}

// --- Opening. ---

bool ValueCodec::Open(const RecordName& name, absl::string_view field, absl::string_view value,
                      Opened* opened) const {
  if (value.size() < kSealedAt + kTagSize) return false;
  const auto form = static_cast<uint8_t>(value[kFormAt]);
  const bool is_list = field == kAllowField;
  const bool is_registration =
      field.size() == 4 && field[0] == 'r' && (field[3] == '4' || field[3] == '6');
  if (is_list ? form != kListForm
              : form != kRegistrationForm && form != kWithdrawnForm && form != kStreamForm)
    return false;
  if (!is_list && !is_registration) return false;

  const absl::string_view sealed = value.substr(kSealedAt);
  std::string plain(sealed.size() - kTagSize, '\0');
  const std::string data = AdditionalData(form, name, field, value.substr(0, kOrderSize));
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          MutableBytes(plain), nullptr, nullptr, Bytes(sealed), sealed.size(), Bytes(data),
          data.size(), Bytes(value) + kFormAt + 1, value_key_.bytes().data()) != 0) {
    return false;
  }

  Front front(plain);
  opened->key = wire::PublicKey::FromBytes(front.Array<wire::kKeySize>());
  opened->order = *DecodeOrder(value);
  if (is_list) {
    NamedList& list = opened->list.emplace();
    list.digest = front.Array<8>();
    while (front.ok() && !front.done() && list.ids.size() <= kMaxAllowPerKey)
      list.ids.push_back(KeyId::FromBytes(front.Array<16>()));
  } else {
    opened->port = static_cast<uint16_t>(Front(field.substr(1)).Number(2));
    opened->v6 = field[3] == '6';
    opened->live = form != kWithdrawnForm;
    opened->reachable = form != kStreamForm;
    if (opened->live) {
      opened->observed = front.ReadEndpoint();
      const uint64_t count = front.Number(1);
      if (count > protocol::kMapMaxCandidates) return false;
      for (uint64_t i = 0; i < count; ++i) opened->candidates.push_back(front.ReadEndpoint());
      if (opened->v6 == opened->observed.address.is_v4()) return false;
    }
  }
  // The name says whose record it is, so a value of another key stands in the wrong place.
  return front.done() && NameOf(KeyId::Of(opened->key)) == name;
}

}  // namespace warp::map
