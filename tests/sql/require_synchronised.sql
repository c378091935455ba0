begin;
select plan(12);

select lives_ok(format('select hubspot_sync.require_synchronised(%L)', t.name),
                format('%s is synchronised', t.name))
  from (values ('hubspot_bookings'), ('hubspot_contact_credits'), ('hubspot_mock_exams'))
       as t (name);
select throws_ok(format('select hubspot_sync.require_synchronised(%L)', t.name), '22023', null,
                 format('%L is not', left(t.name, 40)))
  from (values (null), (''), ('settings'), ('sync_queue'), ('HUBSPOT_BOOKINGS'),
               (' hubspot_bookings'), ('*'), ('hubspot_bookings; drop table x'),
               (repeat('x', 1000000))) as t (name);

select * from finish();
rollback;
