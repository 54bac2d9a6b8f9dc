package loopback

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// foreign reports whether the kernel says that another user, root excepted, has made the connection, or that nobody holds its other
// end any more. Where it doesn't say, as under gVisor, nobody is foreign.
//
// It asks for the socket at the other end: sock_diag(7), and inet_diag.h for the layout.
func foreign(conn net.Conn) bool {
	theirs, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	ours, err2 := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil || err2 != nil || !theirs.Addr().Unmap().Is4() {
		return false
	}
	const byFamily, allStates, header, requestSize, answerSize, uidAt, inodeAt = 20, 0xffffffff, 16, 56, 72, 64, 68
	ask := make([]byte, header+requestSize)
	binary.NativeEndian.PutUint32(ask, uint32(len(ask)))
	binary.NativeEndian.PutUint16(ask[4:], byFamily)
	binary.NativeEndian.PutUint16(ask[6:], syscall.NLM_F_REQUEST)
	request := ask[header:]
	request[0], request[1] = syscall.AF_INET, syscall.IPPROTO_TCP
	binary.NativeEndian.PutUint32(request[4:], allStates)
	binary.BigEndian.PutUint16(request[8:], theirs.Port())
	binary.BigEndian.PutUint16(request[10:], ours.Port())
	copy(request[12:], theirs.Addr().Unmap().AsSlice())
	copy(request[28:], ours.Addr().Unmap().AsSlice())
	for i := 48; i < requestSize; i++ { // no cookie
		request[i] = 0xff
	}

	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, syscall.NETLINK_INET_DIAG)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Sec: 1})
	if err := syscall.Sendto(fd, ask, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return false
	}
	answer := make([]byte, 4096)
	n, _, err := syscall.Recvfrom(fd, answer, 0)
	if err != nil || n < header+answerSize || binary.NativeEndian.Uint16(answer[4:]) != byFamily {
		return false
	}
	socket := answer[header:]
	uid, inode := binary.NativeEndian.Uint32(socket[uidAt:]), binary.NativeEndian.Uint32(socket[inodeAt:])
	return inode == 0 || uid != 0 && uid != uint32(os.Getuid())
}
