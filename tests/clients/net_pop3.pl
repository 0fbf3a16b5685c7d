# net_pop3.pl PORT DIRECTORY: every method of Perl's Net::POP3; says what it found, a line each.
use strict;
use warnings;
use Net::POP3;

my ($port, $directory) = @ARGV;
my $pop = Net::POP3->new("127.0.0.1", Port => $port, Timeout => 40) or die "connect: $@";
my $say = sub { print join(" ", map { defined $_ ? $_ : "undef" } @_), "\n" };

$say->("banner", $pop->banner =~ /^POP3 / ? "yes" : "no");
$say->("capa", join ",", sort keys %{$pop->capa});
$say->("user", $pop->user("alice") ? 1 : 0);
$say->("pass", $pop->pass("wrong") ? 1 : 0);
$say->("login", $pop->login("alice", "alicepw"));
$say->("popstat", $pop->popstat);
my $sizes = $pop->list;
$say->("list", map { "$_=$sizes->{$_}" } sort { $a <=> $b } keys %$sizes);
$say->("list 2", $pop->list(2));
my $names = $pop->uidl;
$say->("uidl", map { "$_=$names->{$_}" } sort { $a <=> $b } keys %$names);
$say->("uidl 3", $pop->uidl(3));
for my $number (sort { $a <=> $b } keys %$sizes) {
	open my $file, ">:raw", "$directory/get.$number" or die $!;
	print $file @{$pop->get($number)};
	close $file;
	open $file, ">:raw", "$directory/top.$number" or die $!;
	print $file @{$pop->top($number, 3)};
	close $file;
}
open my $file, ">:raw", "$directory/getfh" or die $!;
my $handle = $pop->getfh(1);
while (defined(my $line = <$handle>)) { print $file $line; }
close $handle;
close $file;
$say->("last", $pop->last);
$say->("delete 2", $pop->delete(2));
$say->("delete 2 again", $pop->delete(2) ? 1 : 0);
$say->("get 2", $pop->get(2) ? 1 : 0);
$pop->reset;    # says nothing of use
$say->("reset", $pop->popstat);
$say->("delete 1", $pop->delete(1));
$say->("delete 4", $pop->delete(4));
$say->("popstat", $pop->popstat);
$say->("quit", $pop->quit);
