begin;
select plan(7);

-- b: what HubSpot was known to hold, o: what is here, t: what HubSpot holds now.
create temp table decided as
select o.owner, v.kind, w.open, w.dead,
       hubspot_sync.merge_decision(o.owner, v.base, v.ours, v.theirs, w.open, w.dead) as decision
  from (values ('postgres'), ('hubspot'), ('request'), (null)) as o (owner)
 cross join (values
    ('equal, known', 'x', 'x', 'x'), ('equal, both changed', 'b', 'x', 'x'),
    ('equal, not known', null, 'x', 'x'),
    ('ours changed', 'x', 'o', 'x'),
    ('not known', null, 'o', 't'), ('not known, empty', null, 'o', ''),
    ('theirs changed', 'x', 'x', 't'),
    ('both changed', 'b', 'o', 't')) as v (kind, base, ours, theirs)
 cross join (values (false, false), (true, false), (false, true), (true, true)) as w (open, dead);

select is((select string_agg(distinct decision, ';') from decided where kind like 'equal%'), 'equal',
          'what is equal is equal, whatever was known, is on its way or owns it');
select results_eq(
  $$select open or dead, owner, string_agg(distinct decision, ';') from decided
     where kind = 'ours changed' group by 1, 2 order by 1, 2$$,
  $$values (false, 'hubspot', 'take'), (false, 'postgres', 'send'), (false, 'request', 'send'),
           (false, null, 'send'), (true, 'hubspot', 'keep'), (true, 'postgres', 'keep'),
           (true, 'request', 'keep'), (true, null, 'keep')$$,
  'what nobody edited there stays while it is on its way or dead; else it is sent, or HubSpot''s');
select results_eq(
  $$select open, owner, string_agg(distinct decision, ';') from decided
     where kind = 'not known' group by 1, 2 order by 1, 2$$,
  $$values (false, 'hubspot', 'take'), (false, 'postgres', 'send'),
           (false, 'request', 'send, conflict'), (false, null, 'send'),
           (true, 'hubspot', 'keep, conflict'), (true, 'postgres', 'keep, conflict'),
           (true, 'request', 'keep, conflict'), (true, null, 'keep, conflict')$$,
  'where nothing was known of HubSpot''s, ours counts but for what HubSpot owns');
select is((select string_agg(distinct decision, ';') from decided
            where kind = 'not known, empty' and open), 'keep',
          'what was empty there is no edit that loses');
select results_eq(
  $$select open, owner, string_agg(distinct decision, ';') from decided
     where kind = 'theirs changed' group by 1, 2 order by 1, 2$$,
  $$values (false, 'hubspot', 'take'), (false, 'postgres', 'send, conflict'),
           (false, 'request', 'ask'), (false, null, 'take'), (true, 'hubspot', 'keep, conflict'),
           (true, 'postgres', 'keep, conflict'), (true, 'request', 'keep, conflict'),
           (true, null, 'keep, conflict')$$,
  'an edit there is taken, asked for, or overwritten, by owner; what is on its way is protected');
select results_eq(
  $$select open, owner, string_agg(distinct decision, ';') from decided
     where kind = 'both changed' group by 1, 2 order by 1, 2$$,
  $$values (false, 'hubspot', 'take, conflict'), (false, 'postgres', 'send, conflict'),
           (false, 'request', 'ask'), (false, null, 'take, conflict'),
           (true, 'hubspot', 'keep, conflict'), (true, 'postgres', 'keep, conflict'),
           (true, 'request', 'keep, conflict'), (true, null, 'keep, conflict')$$,
  'two edits are a conflict, decided in the same way');
select is((select count(*) from decided where decision is null), 0::bigint,
          'there is always a decision');

select * from finish();
rollback;
