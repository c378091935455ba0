begin;
select plan(40);

create function pg_temp.contact(p_id text, p_properties jsonb) returns jsonb language sql as $$
  select jsonb_build_object('id', p_id, 'createdAt', '2029-01-01T08:00:00.000Z', 'properties',
    '{"student_id": "S-1", "email": "ann@example.com", "firstname": "Ann", "lastname": "Lee",
      "sj_credits": "1", "cs_credits": "2", "sjmini_credits": "3",
      "mock_discussion_token": "4", "shared_mock_credits": "5"}'::jsonb || p_properties)
$$;
-- A call that fails as a whole answers its SQLSTATE instead of applied/refused.
create function pg_temp.apply(variadic p_contacts jsonb[]) returns text language plpgsql as $$
begin
  return (select concat_ws('/', a.applied, (select count(*) from jsonb_object_keys(a.refused)))
            from hubspot_sync.apply_records('hubspot_contact_credits', to_jsonb(p_contacts)) a);
exception
  when data_exception or integrity_constraint_violation or feature_not_supported then
    return sqlstate;
end
$$;
create temp view contact as
  select c.student_id, c.email, c.firstname, c.lastname, c.sj_credits, c.cs_credits,
         c.sjmini_credits, c.mock_discussion_token, c.shared_mock_credits
    from hubspot_sync.hubspot_contact_credits c where c.hubspot_id = 'C-1';

-- New ----------------------------------------------------------------------------------------
select is(pg_temp.apply(pg_temp.contact('C-1', '{}')), '1/0', 'a contact of HubSpot is taken');
select row_eq('table contact',
              row('S-1'::text, 'ann@example.com'::text, 'Ann'::text, 'Lee'::text, 1, 2, 3, 4, 5),
              'with its balances');
select row_eq('select created_at, hubspot_last_sync_at from hubspot_sync.hubspot_contact_credits',
              row('2029-01-01 08:00+00'::timestamptz, now()),
              'its creation there, and when it was taken');
select is((select sum(delta)::integer from hubspot_sync.credit_ledger where reason = 'opening'), 15,
          'its balances open the ledger');
select is((select count(*) from hubspot_sync.sync_queue), 0::bigint, 'nothing is sent back');
select is(pg_temp.apply(pg_temp.contact('C-2', '{"student_id": "S-2", "sj_credits": "",
            "cs_credits": null, "sjmini_credits": "2.0", "firstname": "", "lastname": null}')),
          '1/0', 'a contact may lack balances and names');
select row_eq(
  $$select firstname, lastname, sj_credits, cs_credits, sjmini_credits
      from hubspot_sync.hubspot_contact_credits where hubspot_id = 'C-2'$$,
  row(null::text, null::text, 0, 0, 2), 'no balance is zero, no name is none');

-- Changed there ------------------------------------------------------------------------------
create temp table ledger as select count(*) from hubspot_sync.credit_ledger;
select is(pg_temp.apply(pg_temp.contact('C-1', '{"student_id": "S-1b", "firstname": "Anna",
            "email": "anna@example.com", "sj_credits": "99", "shared_mock_credits": "0"}')),
          '1/0', 'a changed contact is taken');
select row_eq('table contact',
              row('S-1b'::text, 'anna@example.com'::text, 'Anna'::text, 'Lee'::text, 1, 2, 3, 4,
                  5),
              'who it is follows HubSpot, its balances are ours');
select results_eq('select count(*) from hubspot_sync.credit_ledger', 'table ledger',
                  'the ledger stays');
select is((select count(*) from hubspot_sync.sync_queue), 0::bigint,
          'what HubSpot changed is not sent back');
select pg_temp.apply(pg_temp.contact('C-1', '{"student_id": "S-1b", "firstname": "Anna",
                                              "email": "anna@example.com", "lastname": null}'));
select is((select lastname from contact), null, 'a name HubSpot cleared is cleared');
select results_eq('select new_data from hubspot_sync.sync_queue', array[]::jsonb[],
                  'a name HubSpot cleared is not sent back');
delete from hubspot_sync.sync_queue;

-- HubSpot lowers emails.
update hubspot_sync.hubspot_contact_credits set email = 'Anna@Example.com'
 where hubspot_id = 'C-1';
delete from hubspot_sync.sync_queue;
select pg_temp.apply(pg_temp.contact('C-1', '{"student_id": "S-1b", "email": "anna@example.com",
                                              "firstname": "Anna", "lastname": null}'));
select is((select email from contact), 'Anna@Example.com',
          'an email''s spelling stays while it means the same');
create temp table audited as select count(*) from hubspot_sync.supabase_audit_log;
select pg_temp.apply(pg_temp.contact('C-1', '{"student_id": "S-1b", "email": "anna@example.com",
                                              "firstname": "Anna", "lastname": null}'));
select results_eq('select count(*) from hubspot_sync.supabase_audit_log', 'table audited',
                  'the same contact is no change');

-- What cannot be taken is refused alone ------------------------------------------------------
select is(pg_temp.apply(pg_temp.contact(b.id, b.properties::jsonb),
                        pg_temp.contact('C-9', '{"student_id": "S-9"}')), '1/1', b.fact)
  from (values
    ('X-1', '{"student_id": ""}', 'a contact with an empty student id is refused alone'),
    ('X-2', '{"student_id": null}', 'a contact without a student id is refused alone'),
    ('X-3', '{"email": ""}', 'a contact with an empty email is refused alone'),
    ('X-4', '{"student_id": "S-4", "email": null}', 'a contact without an email is refused alone'),
    ('X-5', '{"student_id": "S-5", "sj_credits": "some"}',
     'an unreadable balance is refused alone'),
    ('X-6', '{"student_id": "S-6", "sj_credits": "-1"}', 'a negative balance is refused alone'),
    ('X-7', '{"student_id": "S-7", "sj_credits": "99999999999"}',
     'a balance out of range is refused alone'),
    ('X-8', '{"student_id": "S-8", "sj_credits": "NaN"}',
     'a balance that is no number is refused alone'),
    ('X-9', '{"student_id": "S-2"}', 'a second contact of a student and email is refused alone')
  ) as b (id, properties, fact);
select is(pg_temp.apply(
            jsonb_set(pg_temp.contact('X-10', '{"student_id": "S-10"}'), '{createdAt}',
                      '"once upon a time"'),
            pg_temp.contact('C-9', '{"student_id": "S-9"}')), '1/1',
          'an unreadable creation is refused alone');
select is((select count(*) from hubspot_sync.hubspot_contact_credits where hubspot_id like 'X-%'),
          0::bigint, 'nothing of them is taken');
select results_eq(
  $$select hubspot_id, left(error_message, 6) from hubspot_sync.sync_errors
     where hubspot_id in ('X-1', 'X-6', 'X-9') order by hubspot_id$$,
  $$values ('X-1', '22023:'), ('X-6', 'MBCRD:'), ('X-9', '23505:')$$,
  'each is noted with its code');

-- Healed -------------------------------------------------------------------------------------
select is(pg_temp.apply(pg_temp.contact('X-5', '{"student_id": "S-5"}')), '1/0',
          'a contact that was corrected is taken');
select isnt((select resolved_at from hubspot_sync.sync_errors where hubspot_id = 'X-5'), null,
            'that resolves its error');
select is((select concat_ws('/', applied, (select count(*) from jsonb_object_keys(refused))) from hubspot_sync.apply_records('hubspot_contact_credits', '[]')), '0/0',
          'no contacts are none');

-- A contact that came to exist here first is the same person when HubSpot tells of it.
insert into hubspot_sync.hubspot_contact_credits (student_id, email, sj_credits)
values ('S-20', 'New@Example.com', 3);
select is(pg_temp.apply(pg_temp.contact('C-20', '{"student_id": "S-20",
                                                  "email": "new@example.com"}')), '1/0',
          'a contact made here, not yet known to HubSpot, may come from there');
select row_eq(
  $$select count(*), max(hubspot_id), max(sj_credits) from hubspot_sync.hubspot_contact_credits
     where student_id = 'S-20'$$,
  row(1::bigint, 'C-20'::text, 3), 'it is one contact, with the balance it has here');
select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

-- A change made here that HubSpot does not have yet --------------------------------------------
delete from hubspot_sync.sync_queue;
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, firstname, lastname)
values ('P-1', 'P-1', 'p1@example.com', 'Old', 'Old');
update hubspot_sync.hubspot_contact_credits set firstname = 'New' where hubspot_id = 'P-1';
select hubspot_sync.apply_records('hubspot_contact_credits', '[{"id": "P-1", "properties": {"student_id": "P-1",
  "email": "p1@example.com", "firstname": "Old", "lastname": "Theirs"}}]');
select row_eq($$select firstname, lastname from hubspot_sync.hubspot_contact_credits
                 where hubspot_id = 'P-1'$$,
              row('New'::text, 'Theirs'::text),
              'what was changed here is protected while it is queued, the rest follows HubSpot');
select results_eq($$select new_data from hubspot_sync.sync_queue
                      where not synced and new_data ? 'firstname'$$,
                  $$values ('{"firstname": "New"}'::jsonb)$$, 'and stays queued');
select is((select properties from hubspot_sync.claim_changes('hubspot_contact_credits')),
          '{"firstname": "New"}', 'and alone is sent');
select is((select s.properties ->> 'firstname' from hubspot_sync.sync_shadow s
             join hubspot_sync.hubspot_contact_credits c on c.id = s.record
            where c.hubspot_id = 'P-1'), 'Old',
          'HubSpot is believed to hold what was read');

-- Two new records of one student in one page.
select is((select count(*) from jsonb_object_keys((hubspot_sync.apply_records(
            'hubspot_contact_credits', '[
              {"id": "T-1", "properties": {"student_id": "T", "email": "t@example.com"}},
              {"id": "T-2", "properties": {"student_id": "T", "email": "T@example.com"}},
              {"id": "T-3", "properties": {"student_id": "T-3", "email": "t@example.com"}}]'
            )).refused)), 1::bigint, 'of two new records of one student one is refused');
select results_eq($$select hubspot_id from hubspot_sync.hubspot_contact_credits
                     where hubspot_id like 'T-%' order by 1$$,
                  $$values ('T-1'), ('T-3')$$, 'however its email is spelt');

-- Balances that are too large together.
select applied from hubspot_sync.apply_records('hubspot_contact_credits', (
  select jsonb_agg(jsonb_build_object('id', 'U-' || n, 'properties', jsonb_build_object(
           'student_id', 'U-' || n, 'email', 'u@example.com', 'sj_credits', '999999999')))
    from generate_series(1, 3) n));
select results_eq(
  $$select a.applied, a.refused from hubspot_sync.apply_records('hubspot_contact_credits', '[
      {"id": "U-1", "properties": {"student_id": "U-1", "email": "u@example.com",
       "sj_credits": "999999999", "hs_merged_object_ids": "U-2;U-3"}},
      {"id": "U-4", "properties": {"student_id": "U-4", "email": "u@example.com"}}]') a$$,
  $$values (1, '{"U-1": "22023: integer out of range"}'::jsonb)$$,
  'a merge whose sum cannot be kept stops no other');

select * from finish();
rollback;
