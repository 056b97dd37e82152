#include "dataplane/facade/packet.h"

#include <rte_mbuf.h>

#include "dataplane/lcore/memory/packet_meta.h"

namespace warp::lcore {
namespace {

rte_mbuf* Mbuf(PacketBuffer* buffer) { return reinterpret_cast<rte_mbuf*>(buffer); }

}  // namespace

// Every packet that control holds has one segment: rx.cc linearises what was received, and Allocate makes nothing else.

wire::Bytes Packet::bytes() const {
  if (buffer_ == nullptr) return {};
  return {rte_pktmbuf_mtod(Mbuf(buffer_), const uint8_t*), rte_pktmbuf_data_len(Mbuf(buffer_))};
}

wire::MutableBytes Packet::mutable_bytes() {
  if (buffer_ == nullptr) return {};
  return {rte_pktmbuf_mtod(Mbuf(buffer_), uint8_t*), rte_pktmbuf_data_len(Mbuf(buffer_))};
}

wire::MutableBytes Packet::Append(size_t size) {
  if (buffer_ == nullptr || size > rte_pktmbuf_tailroom(Mbuf(buffer_))) return {};
  char* begin = rte_pktmbuf_append(Mbuf(buffer_), static_cast<uint16_t>(size));
  return {reinterpret_cast<uint8_t*>(begin), size};
}

wire::MutableBytes Packet::Prepend(size_t size) {
  if (buffer_ == nullptr || size > rte_pktmbuf_headroom(Mbuf(buffer_))) return {};
  char* begin = rte_pktmbuf_prepend(Mbuf(buffer_), static_cast<uint16_t>(size));
  return {reinterpret_cast<uint8_t*>(begin), size};
}

void Packet::TrimFront(size_t size) { rte_pktmbuf_adj(Mbuf(buffer_), static_cast<uint16_t>(size)); }

void Packet::Reset() {
  if (buffer_ == nullptr) return;
  rte_mbuf* mbuf = Mbuf(Release());
  if (Counter* returned = MetaOf(mbuf).returned; returned != nullptr) returned->Add();
  rte_pktmbuf_free(mbuf);
}

}  // namespace warp::lcore
