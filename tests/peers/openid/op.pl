#!/usr/bin/perl
# A second provider of OpenIDs for tests, on Net::OpenID::Server (Debian's libnet-openid-server-perl):
# it shares no line with the first one, and does some things otherwise. It approves everybody.
#
#     /usr/bin/perl op.pl
#
# Prints "READY http://127.0.0.1:PORT/" when listening; ends when its standard input does.
#   /id/NAME     page with links of both versions
#   /one/NAME    page with a link of version 1 only
#   /op          the endpoint; /op?do=cancel is one that says no
#   /no/NAME     page whose provider says no
#   /_log        the modes of the messages since it was last asked, a line each
use strict;
use warnings;
use HTTP::Daemon;
use HTTP::Response;
use Net::OpenID::Server;
use URI;

my $daemon = HTTP::Daemon->new(LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1) or die;
my $base = sprintf 'http://127.0.0.1:%d/', $daemon->sockport;
my @modes;
$| = 1;
print "READY $base\n";

if (my $child = fork) {
    local $/;
    <STDIN>;
    kill 'TERM', $child;
    exit;
}

sub endpoint {
    my ($request, $no) = @_;
    my %args = $request->uri->query_form;
    %args = (%args, URI->new('?' . $request->content)->query_form) if $request->method eq 'POST';
    push @modes, $args{'openid.mode'} // '';
    my $server = Net::OpenID::Server->new(
        args          => \%args,
        get_user      => sub { 1 },
        is_identity   => sub { my (undef, $id) = @_; defined $id && $id =~ m{^\Q$base\E} },
        is_trusted    => sub { !$no },
        endpoint_url  => $no ? "${base}op?do=cancel" : "${base}op",
        setup_url     => "${base}setup",
        server_secret => sub { "a secret of tests, for $_[0]" },
    );
    my ($type, $data) = $server->handle_page(redirect_for_setup => 0);
    # Somebody who says no is sent back without having proven anything.
    ($type, $data) = ('redirect', $server->cancel_return_url(return_to => $args{'openid.return_to'}))
        if $type eq 'setup';
    return HTTP::Response->new(302, 'Found', [Location => $data]) if $type eq 'redirect';
    return HTTP::Response->new(200, 'OK', ['Content-Type' => $type], $data);
}

sub page {
    my (@links) = @_;
    my $head = join '', map { qq{<link rel="$_->[0]" href="$_->[1]">} } @links;
    return HTTP::Response->new(200, 'OK', ['Content-Type' => 'text/html'],
        "<!DOCTYPE html><html><head><title>x</title>$head</head><body></body></html>");
}

while (my $connection = $daemon->accept) {
    while (my $request = $connection->get_request) {
        my $path = $request->uri->path;
        my $answer =
            $path eq '/op'       ? endpoint($request, ($request->uri->query // '') =~ /do=cancel/)
          : $path eq '/_log'     ? HTTP::Response->new(200, 'OK', [], join "\n", splice @modes)
          : $path =~ m{^/id/}    ? page(['openid2.provider', "${base}op"], ['openid.server', "${base}op"])
          : $path =~ m{^/one/}   ? page(['openid.server', "${base}op"])
          : $path =~ m{^/no/}    ? page(['openid2.provider', "${base}op?do=cancel"])
          :                        HTTP::Response->new(404, 'Not Found');
        $answer->header('Connection' => 'close');
        $connection->send_response($answer);
        last;
    }
    $connection->close;
}
