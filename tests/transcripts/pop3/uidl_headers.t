The unique id sums the first Received, what stands before it of Date and Message-ID, and every Delivered-To, folded lines included.

formats: mbox
# The value was compared with popa3d 1.0.3's.
maildrop:
| From a@b Mon Jan  5 10:00:00 2026
| Date: early
| Received: a
|  b
| Received: c
| Delivered-To: x
| Delivered-to: y
| X-Delivery-ID: 1
| 	2
| Message-ID: <late>
|
| body
|
| From a@b Mon Jan  5 10:00:00 2026
| Subject: nothing to sum
|
| body
|
login: alice
C: UIDL
S: +OK 2 messages
S: 1 5a6f903230e37fee
S: 2 d98c1dd404b2008f
S: .
C: QUIT
S: +OK bye
server: close
