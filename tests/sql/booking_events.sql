begin;
select plan(7);

set local request.jwt.claims = '{"email":"boss@example.com"}';
insert into hubspot_sync.hubspot_bookings
  (id, hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
values ('00000000-0000-4000-8000-000000000001', 'B-1', '100%s ''$$\', 'E-1', 'S-1', 'a@b',
        'Active'),
       ('00000000-0000-4000-8000-000000000002', 'B-2', 'BK-2', 'E-2', 'S-1', 'a@b', 'Active');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('C-1', 'S-1', 'a@b');
update hubspot_sync.hubspot_contact_credits set sj_credits = 3;
set local request.jwt.claims = '';
set local hubspot_sync.actor = 'glue';
update hubspot_sync.hubspot_bookings set attendance = 'yes', dominant_hand = 'left'
 where booking_id = 'BK-2';
update hubspot_sync.hubspot_bookings set booking_id = 'BK-new' where booking_id = 'BK-2';
select api.cancel_booking('100%s ''$$\', 'ill');
delete from hubspot_sync.hubspot_bookings where booking_id = 'BK-new';
update hubspot_sync.hubspot_bookings set synced_at = now(), updated_at = now();

select results_eq(
  $$select right(e.booking::text, 1), e.booking_id, e.event_type, e.admin_email,
           e.metadata ->> 'reason'
      from hubspot_sync.booking_events e order by e.id$$,
  $q$values ('1', '100%s ''$$\', 'created', 'boss@example.com', null),
            ('2', 'BK-new', 'created', 'boss@example.com', null),
            ('2', 'BK-new', 'attended', 'glue', null),
            ('2', 'BK-new', 'modified', 'glue', null),
            ('1', '100%s ''$$\', 'cancelled', 'glue', 'ill'),
            ('2', 'BK-new', 'deleted', 'glue', null)$q$,
  'what happened to bookings alone, by whom and why, under the id they have or had last');
select set_eq(
  $$select jsonb_array_elements_text(e.metadata -> 'changed_fields')
      from hubspot_sync.booking_events e where e.event_type = 'attended'$$,
  array['attendance', 'dominant_hand'], 'the fields that changed are named');
select is((select e.metadata from hubspot_sync.booking_events e
            where e.event_type = 'created' limit 1), '{}'::jsonb,
          'what there is nothing to say of is left out');
select is((select count(*) from hubspot_sync.booking_events e where e.created_at = now()),
          6::bigint, 'each has its time');
select table_privs_are('hubspot_sync', 'booking_events', r.name::name, array[]::text[],
                       r.name || ' does not read them')
  from unnest(array['anon', 'authenticated']) as r (name);
select ok((select c.reloptions @> array['security_invoker=true'] from pg_class c
            where c.oid = 'hubspot_sync.booking_events'::regclass),
          'who reads them has a right to the log itself');

select * from finish();
rollback;
