begin;
select plan(5);

insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email)
values ('00000000-0000-0000-0000-00000000c001', '1', 'S-1', 's1@example.com');
insert into hubspot_sync.sync_conflicts
  (entity, record, field, postgres_value, hubspot_value, decision)
select 'hubspot_contact_credits', '00000000-0000-0000-0000-00000000c001', 'firstname', 'Ann',
       'Anna', format('decision %s', n)
  from generate_series(1, 3) n;

select results_eq(
  'select decision from hubspot_sync.list_conflicts(2)',
  $$values ('decision 3'), ('decision 2')$$, 'the newest come first');
select results_eq(
  $$select decision from hubspot_sync.list_conflicts(
      10, (select max(id) from hubspot_sync.sync_conflicts))$$,
  $$values ('decision 2'), ('decision 1')$$, 'a page goes on before the last of the one before');
select row_eq(
  'select name, field, postgres_value, hubspot_value from hubspot_sync.list_conflicts(1)',
  row('S-1'::text, 'firstname'::text, 'Ann'::text, 'Anna'::text),
  'both values are told, and what people call the record');
select throws_ok('select hubspot_sync.list_conflicts(0)', '22023');
select throws_ok('select hubspot_sync.list_conflicts(null)', '22023');

select * from finish();
rollback;
