begin;
select plan(78);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable return timestamptz '2030-01-01 12:00+00';

-- A contact «S-<number>» of HubSpot's; its history: [[minute, value, source, id], …] as it grew.
create function pg_temp.record(p_number integer, p_entries jsonb, p_value text default null)
  returns jsonb language sql as $$
  select jsonb_build_object(
    'id', 'C-' || p_number,
    'createdAt', '2030-01-01T09:00:00Z',
    'updatedAt', to_char(timestamptz '2030-01-01 10:00+00' + make_interval(mins => coalesce((
      select max((e.value ->> 0)::integer) from jsonb_array_elements(p_entries) e), 0)),
      'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'properties', jsonb_build_object(
      'student_id', 'S-' || p_number, 'email', p_number || '@example.com',
      'sj_credits', coalesce(p_value, p_entries -> -1 ->> 1)),
    'propertiesWithHistory', jsonb_build_object('sj_credits', coalesce((
      select jsonb_agg(jsonb_build_object(
               'timestamp', to_char(timestamptz '2030-01-01 10:00+00'
                 + make_interval(mins => (e.value ->> 0)::integer), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
               'value', e.value ->> 1, 'sourceType', coalesce(e.value ->> 2, 'CRM_UI'),
               'sourceId', coalesce(e.value ->> 3, 'userId:1')) order by e.place desc)
        from jsonb_array_elements(p_entries) with ordinality e (value, place)), '[]')))
$$;
-- Reads it; answers the balance here, or what it was refused with.
create function pg_temp.read(p_number integer, p_entries jsonb, p_value text default null)
  returns text language plpgsql as $$
declare
  v_refused jsonb;
begin
  select a.refused into v_refused
    from hubspot_sync.apply_records('hubspot_contact_credits',
           jsonb_build_array(pg_temp.record(p_number, p_entries, p_value))) a;
  return coalesce(v_refused ->> ('C-' || p_number),
    (select c.sj_credits::text from hubspot_sync.hubspot_contact_credits c
      where c.student_id = 'S-' || p_number));
end
$$;
create function pg_temp.id(p_number integer) returns uuid language sql as $$
  select c.id from hubspot_sync.hubspot_contact_credits c where c.student_id = 'S-' || p_number
$$;
-- What a booking or a refund does.
create function pg_temp.spend(p_number integer, p_delta integer default -1) returns text
  language sql as $$
  select hubspot_sync.change_credit(pg_temp.id(p_number), 'sj_credits', p_delta, 'grant', null);
  select sj_credits::text from hubspot_sync.hubspot_contact_credits
   where student_id = 'S-' || p_number;
$$;
-- A worker sends what is open of a contact at a minute: claims, and unless it dies, acknowledges.
create function pg_temp.send(p_number integer, p_minute integer, p_answered boolean default true)
  returns text language plpgsql as $$
declare
  v_sent text;
  v_claimed hubspot_sync.claimed_change;
begin
  update hubspot_sync.sync_queue set next_attempt_at = hubspot_sync.clock() where not synced;
  select c.* into v_claimed from hubspot_sync.claim_changes('hubspot_contact_credits') c
   where c.record = pg_temp.id(p_number);
  v_sent := v_claimed.properties ->> 'sj_credits';
  if p_answered and v_claimed.record is not null then
    perform hubspot_sync.finish_changes('hubspot_contact_credits', jsonb_build_array(
      jsonb_build_object('record', v_claimed.record, 'epoch', v_claimed.epoch,
        'hubspot_id', 'C-' || p_number, 'sent', v_claimed.properties,
        'version', timestamptz '2030-01-01 10:00+00' + make_interval(mins => p_minute))));
  end if;
  return v_sent;
end
$$;
create function pg_temp.shadow(p_number integer) returns text language sql as $$
  select s.properties ->> 'sj_credits' from hubspot_sync.sync_shadow s
   where s.record = pg_temp.id(p_number)
$$;
create function pg_temp.open(p_number integer) returns bigint language sql as $$
  select count(*) from hubspot_sync.sync_queue q
   where q.record = pg_temp.id(p_number) and not q.synced
$$;
create function pg_temp.conflicts(p_number integer) returns text language sql as $$
  select string_agg(f.decision, ';' order by f.id) from hubspot_sync.sync_conflicts f
   where f.record = pg_temp.id(p_number)
$$;
create function pg_temp.ours(p_id text default 'app') returns text language sql as $$
  update hubspot_sync.settings set value = p_id where key = 'hubspot_source_id'
  returning key
$$;

-- A booking here, a top-up there ---------------------------------------------------------------
select pg_temp.ours('app');
select is(pg_temp.read(1, '[[0, 5]]'), '5', 'a contact comes with its balance');
select pg_temp.spend(1);
select is(pg_temp.read(1, '[[0, 5], [1, 8]]'), '7',
          'a top-up while a booking is on its way is added to what the booking left');
select is(pg_temp.shadow(1), '8', 'HubSpot is known to hold what was read');
select is(pg_temp.read(1, '[[0, 5], [1, 8]]'), '7', 'the same record again changes nothing');
select is((select count(*) from hubspot_sync.credit_ledger where contact = pg_temp.id(1)),
          3::bigint, 'nor does it the ledger');
select is(pg_temp.send(1, 2), '7', 'the sum is sent');
select is(pg_temp.open(1), 0::bigint, 'once');
select is(pg_temp.read(1, '[[0, 5], [1, 8], [2, 7, "INTEGRATION", "app"]]'), '7',
          'our own write is no top-up');
select is(pg_temp.open(1), 0::bigint, 'and asks for no other');

-- A top-up that a send of ours has overwritten -------------------------------------------------
select pg_temp.read(2, '[[0, 5]]');
select pg_temp.spend(2);
select pg_temp.send(2, 2);
select is(pg_temp.read(2, '[[0, 5], [1, 8], [2, 4, "INTEGRATION", "app"]]'), '7',
          'a top-up that we have overwritten is added all the same');
select is(pg_temp.send(2, 3), '7', 'and sent');
select is(pg_temp.read(2, '[[0, 5], [1, 8], [2, 4, "INTEGRATION", "app"],
                            [3, 7, "INTEGRATION", "app"]]'), '7', 'then both are equal');

-- A send without an answer ---------------------------------------------------------------------
select pg_temp.read(3, '[[0, 5]]');
select pg_temp.spend(3);
select is(pg_temp.send(3, 1, false), '4', 'a worker sends and dies');
select is(pg_temp.read(3, '[[0, 5], [1, 4, "INTEGRATION", "app"]]'), '4',
          'what it wrote is ours, though nobody has acknowledged it');
select is(pg_temp.read(3, '[[0, 5], [1, 4, "INTEGRATION", "app"], [2, 6]]'), '6',
          'and a top-up after it is one');
select is(pg_temp.send(3, 3), '6', 'the next worker sends the sum');
select is(pg_temp.conflicts(3), null, 'nobody lost anything');
select pg_temp.read(4, '[[0, 5]]');
select pg_temp.spend(4);
select pg_temp.send(4, 1, false);
select is(pg_temp.read(4, '[[0, 5], [1, 9]]'), '8',
          'a top-up is added while a send that never arrived has no answer');
select is(pg_temp.send(4, 2), '8', 'the sum is sent');

-- Who we are in the history --------------------------------------------------------------------
select pg_temp.ours(null);
insert into hubspot_sync.hubspot_contact_credits (student_id, email, sj_credits)
values ('S-5', '5@example.com', 3);
select is(pg_temp.send(5, 1), '3', 'a contact made here is sent');
select is(pg_temp.read(5, '[[1, 3, "INTEGRATION", "app"], [2, 5]]'), '5',
          'its first reading takes what was added after our write');
select is(hubspot_sync.setting('hubspot_source_id'), 'app',
          'who we are is learnt from the write that was acknowledged');
select is(pg_temp.send(5, 3), null, 'HubSpot has it already');
select is(pg_temp.read(5, '[[1, 3, "INTEGRATION", "app"], [2, 5],
                            [3, 6, "INTEGRATION", "zapier"]]'), '6',
          'what another application adds is an edit like a person''s');
select is(pg_temp.read(5, '[[1, 3, "INTEGRATION", "app"], [2, 5],
                            [3, 6, "INTEGRATION", "zapier"], [4, 6.0, "INTEGRATION", "app"]]'),
          '6', 'our own id is ours at any value');
select pg_temp.ours(null);
select pg_temp.read(6, '[[0, 5]]');
select pg_temp.spend(6);
select pg_temp.send(6, 1, false);
select pg_temp.spend(6);
select is(pg_temp.read(6, '[[0, 5], [1, 4, "INTEGRATION", "app"]]'), '3',
          'while nobody knows who we are, a value that a worker was given is ours');
select is(pg_temp.read(6, '[[0, 5], [1, 4, "INTEGRATION", "app"],
                            [2, 9, "INTEGRATION", "zapier"]]'), '8', 'another one is not');
select pg_temp.read(7, '[[0, 5]]');
select pg_temp.spend(7);
select is(pg_temp.read(7, '[[0, 5], [1, 4, "INTEGRATION", "zapier"]]'), '3',
          'what no worker was given yet is not ours, though the value is the same');
select is(hubspot_sync.setting('hubspot_source_id'), null, 'nothing is learnt from that');
select pg_temp.ours('app');

-- Below zero -----------------------------------------------------------------------------------
select pg_temp.read(8, '[[0, 5]]');
select pg_temp.spend(8, -4);
select is(pg_temp.read(8, '[[0, 5], [1, 2]]'), '0', 'more taken away than there is stops at 0');
select is(pg_temp.conflicts(8), '2 more was taken away in HubSpot by CRM_UI userId:1 than there is: stopped at 0',
          'a conflict says so');
select is(pg_temp.read(8, '[[0, 5], [1, 2]]'), '0', 'once');
select is((select count(*) from hubspot_sync.sync_conflicts where record = pg_temp.id(8)),
          1::bigint, 'also the conflict');
select is(pg_temp.send(8, 2), '0', 'HubSpot hears of it');
select is(pg_temp.read(8, '[[0, 5], [1, -1]]', '-1'), 'MBCRD: a balance is negative',
          'a negative balance is refused');

-- A slip that was corrected before it was read: three here, five there.
select pg_temp.read(30, '[[0, 5]]');
select pg_temp.spend(30, -2);
select is(pg_temp.read(30, '[[0, 5], [1, 0], [2, 5]]'), '3', 'a slip that was corrected makes nothing');
select is(pg_temp.read(30, '[[0, 5], [1, 0], [2, 5], [3, -3], [4, 4]]'), '2',
          'what was taken away too much is made up for by what is given back');
select is(pg_temp.conflicts(30), null, 'and is no conflict then');

select pg_temp.read(18, '[[0, 5]]');
select pg_temp.spend(18, -5);
select is(pg_temp.read(18, '[[0, 5], [1, 2]]'), '0', 'of nothing nothing is taken');
select pg_temp.spend(18, 2);
select is(pg_temp.read(18, '[[0, 5], [1, 2]]'), '2', 'also not later, from what was given since');

-- First readings -------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_contact_credits (student_id, email, sj_credits)
values ('S-9', '9@example.com', 3), ('S-10', '10@example.com', 3), ('S-11', '11@example.com', 3);
select is(pg_temp.read(9, '[[0, 5]]'), '3',
          'a contact made here keeps its balance when HubSpot turns out to have it');
select is(pg_temp.conflicts(9), 'ours: HubSpot had it before it knew of ours',
          'a conflict says what HubSpot had');
select is(pg_temp.send(9, 1), '3', 'and HubSpot hears of ours');
select is(pg_temp.read(9, '[[0, 5], [1, 3, "INTEGRATION", "app"], [2, 4]]'), '4',
          'from then on edits count');
select pg_temp.send(10, 1);
select is(pg_temp.read(10, '[[0, 7], [1, 3, "INTEGRATION", "app"]]'), '3',
          'what HubSpot had before our first write is no edit');
select is(pg_temp.read(11, '[]', ''), '3', 'a contact without a value there keeps ours');

-- Histories that tell less ---------------------------------------------------------------------
select pg_temp.read(12, '[[0, 5]]');
select is(pg_temp.read(12, '[]', '7'), '7', 'without a history the difference is taken');
select is(pg_temp.read(12, '[]', '7'), '7', 'once');
select is(pg_temp.read(12, '[]', '8'), '8', 'and the next one, too');
select pg_temp.spend(12);
select is(pg_temp.read(12, '[]', '9'), '7',
          'but not while a send of ours may be in between');
select is((select new_data ->> 'sj_credits' from hubspot_sync.sync_queue
            where record = pg_temp.id(12) and not synced), '7', 'ours is on its way');
select pg_temp.read(13, '[[0, 5]]');
select is(pg_temp.read(13, (select jsonb_agg(jsonb_build_array(n, 10 + n) order by n)
                             from generate_series(5, 24) n)), '24',
          'of a history that was cut off what is left of the edits is taken');
select matches(pg_temp.conflicts(13), '^ours: what HubSpot''s history had until .* is gone',
               'and a conflict tells that there was more');
select is(pg_temp.send(13, 30), '24', 'HubSpot hears of the sum');
select pg_temp.read(14, '[[0, 5]]');
select is(pg_temp.read(14, jsonb_build_array(jsonb_build_array(0, '5'))
            || (select jsonb_agg(jsonb_build_array(n, (5 + n)::text) order by n)
                  from generate_series(1, 19) n)), '24', 'a long history that reaches back is whole');
select is(pg_temp.conflicts(14), null, 'and no conflict');
select pg_temp.read(15, '[[0, 5]]');
select is(pg_temp.read(15, '[[2, 9], [1, 8], [0, 5]]', '9'), '9',
          'entries out of order are put in order');
select results_eq(
  $$select delta from hubspot_sync.credit_ledger where contact = pg_temp.id(15) order by id$$,
  'values (5), (3), (1)', 'each is one entry of the ledger');
select pg_temp.read(16, '[[0, 5]]');
select is(pg_temp.read(16, '[[0, 5], [1, ""], [2, 2]]'), '2', 'an emptied balance counts as 0');

-- What cannot be read --------------------------------------------------------------------------
select pg_temp.read(17, '[[0, 5]]');
select is(pg_temp.read(17, '[[0, 5], [1, 5.5]]'), '22023: sj_credits is no whole number: 5.5',
          'a fraction is refused');
select is((select sj_credits from hubspot_sync.hubspot_contact_credits where student_id = 'S-17'),
          5, 'and changes nothing');
select is(pg_temp.read(17, '[[0, 5], [1, 5.5], [2, 6]]'), '6',
          'once it is corrected what it was does not matter');
select is((select concat_ws('/', a.applied, a.refused) from hubspot_sync.apply_records(
             'hubspot_contact_credits', jsonb_build_array(
               pg_temp.record(17, '[[0, 5], [2, 6], [3, 7]]'),
               pg_temp.record(16, '[[0, 5], [1, 2], [3, 99999999999]]'))) a),
          '1/{"C-16": "22023: sj_credits is no whole number: 99999999999"}',
          'it is refused alone');
select is(pg_temp.read(17, '[[0, 5], [2, 6], [3, 7], [4, 2147483647]]'),
          '22023: sj_credits is no whole number: 2147483647', 'and so is what is too large');

-- Made here and there ------------------------------------------------------------------------
insert into hubspot_sync.hubspot_contact_credits (student_id, email)
select 'S-' || n, n || '@example.com' from generate_series(31, 32) n;
select is(pg_temp.read(31, '[[0, 5]]'), '5', 'who came here without credits has those of HubSpot');
select is(pg_temp.read(31, '[[0, 5]]'), '5', 'once');
select is(pg_temp.conflicts(31), null, 'which is no conflict');
select is(pg_temp.send(32, 2), '0', 'our first write is of a balance of nothing');
select is(pg_temp.read(32, '[[0, 5], [2, 0, "INTEGRATION", "app"]]'), '5',
          'it takes nothing away');
select is(pg_temp.send(32, 3), '5', 'it is written again');

-- Entries dated far ahead: ten years are 5,256,000 minutes.
select is(pg_temp.read(28, '[[0, 5], [5256000, 8]]'), '8', 'a contact comes with its balance');
select is(pg_temp.read(28, '[[0, 5], [5256000, 8], [2, 10]]'), '10',
          'an edit after one that is dated ahead is not hidden by it');
select is(pg_temp.read(29, '[[0, 5]]'), '5', 'another contact');
select is(pg_temp.read(29, '[[0, 5], [5256000, 8]]'), '5', 'what is dated ahead is not taken');
select is(pg_temp.conflicts(29),
          'ours: HubSpot dates its edit ahead, to 2039-12-30T10:00:00Z', 'which is told');
select is(pg_temp.read(29, '[[0, 5], [5256000, 8], [2, 9]]'), '6', 'the next edit is');
select is(pg_temp.read(29, '[[0, 5], [5256000, 8], [2, 9], [3, 11]]'), '8', 'and the one after');

select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
