begin;
select plan(11);

select is(hubspot_sync.booking_status(s.spelling), s.status,
          format('a booking''s status %L means %s', s.spelling, s.status))
  from (values ('Active', 'Active'), ('active', 'Active'), (' ACTIVE ', 'Active'),
               ('true', 'Active'), ('Cancelled', 'Cancelled'), ('canceled', 'Cancelled'),
               ('false', 'Cancelled'), ('COMPLETED', 'Completed')) as s (spelling, status);
select is(hubspot_sync.booking_status('Waitlisted'), 'Waitlisted',
          'an unknown status stays as it is');
select is(hubspot_sync.booking_status(''), '', 'an empty status stays empty');
select is(hubspot_sync.booking_status(null), null, 'no status stays none');

select * from finish();
rollback;
