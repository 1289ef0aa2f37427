CREATE VIEW sales_by_venue AS
SELECT venues.name AS venue, tickets.channel, count(*) AS tickets, sum(tickets.price_cents) AS cents
FROM tickets
JOIN events ON events.id = tickets.event_id
JOIN venues ON venues.id = events.venue_id
GROUP BY venues.name, tickets.channel;
