begin;
select plan(6);

create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email)
values (pg_temp.id(1), null, 'S-1', 'ann@example.com'),
       (pg_temp.id(2), null, 'S-1', 'ann@example.org'),
       (pg_temp.id(3), null, 'S-3', 'ben@example.com'),
       (pg_temp.id(4), 'C-4', 'S-3', 'ben@example.org');

select is(hubspot_sync.is_doubled(pg_temp.id(1), 'S-1'), false,
          'of two that HubSpot does not have the first is not doubled');
select is(hubspot_sync.is_doubled(pg_temp.id(2), 'S-1'), true, 'but the second');
select is(hubspot_sync.is_doubled(pg_temp.id(3), 'S-3'), true,
          'and any beside one that HubSpot has');
select is(hubspot_sync.is_doubled(pg_temp.id(1), 'S-9'), false, 'others are not');
create temp table claimed as select * from hubspot_sync.claim_changes('hubspot_contact_credits');
select results_eq('select record, operation from claimed order by record',
                  $$values (pg_temp.id(1), 'upsert'), (pg_temp.id(2), 'refused'),
                           (pg_temp.id(3), 'refused')$$,
                  'a claim refuses what HubSpot would take for another contact');
select is((select count(*) from claimed where unique_value = 'S-3' and operation = 'upsert'),
          0::bigint, 'and sends none of it');

select * from finish();
rollback;
